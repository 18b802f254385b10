"""GuardDuty, Inspector, Macie and the account service, through their own clients and paginators."""

from datetime import UTC, datetime

from findings import account_findings
from generated.profiles import PROFILES

from .process import StandInCase

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
REGION = "us-east-1"


class ServiceCase(StandInCase):
    def seeded(self, service: str) -> list[dict]:
        """Puts well over a page of findings there."""
        size = {"guardduty": 500, "inspector2": 400, "macie2": 1200}[service]
        found = account_findings(self.account, PROFILES["bad"], size, [REGION], UNTIL).services[REGION][service]
        self.assertEqual(self.put(service, found), {"count": len(found)})
        return found

    def paged(self, client, operation: str, member: str, size: int, **arguments) -> list:
        """All items of an operation, from pages that must all be full but the last."""
        pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **arguments)
        items = [page[member] for page in pages]
        self.assertTrue(all(len(page) == size for page in items[:-1]) and len(items) > 1)
        return [item for page in items for item in page]


class GuardDuty(ServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.client_ = self.client("guardduty")

    def detector(self) -> str:
        return self.client_.list_detectors()["DetectorIds"][0]

    def criteria(self, **criterion) -> dict:
        return {"Criterion": {name.replace("_", "."): condition for name, condition in criterion.items()}}

    def test_a_region_without_guardduty_has_no_detector(self) -> None:
        self.assertEqual(self.client_.list_detectors()["DetectorIds"], [])
        call = self.client_.list_findings
        self.assertEqual(self.refusal(call, DetectorId="0" * 32)[:2], (400, "BadRequestException"))

    def test_its_switch_is_motos_own(self) -> None:
        self.door.post("enable", service="guardduty", account=self.account, region=REGION, on=True)
        self.assertEqual(self.client_.get_detector(DetectorId=self.detector())["Status"], "ENABLED")
        self.door.post("enable", service="guardduty", account=self.account, region=REGION, on=False)
        self.assertEqual(self.client_.list_detectors()["DetectorIds"], [])
        made = self.client_.create_detector(Enable=True)["DetectorId"]
        self.assertEqual(self.detector(), made)

    def test_all_findings_come_in_pages_and_in_order(self) -> None:
        found = self.seeded("guardduty")
        self.assertEqual(found[0]["service"]["detectorId"], self.detector())
        for order in ("ASC", "DESC"):
            sort = {"AttributeName": "updatedAt", "OrderBy": order}
            ids = self.paged(self.client_, "list_findings", "FindingIds", 50, DetectorId=self.detector(), SortCriteria=sort)
            wanted = sorted(found, key=lambda finding: (finding["updatedAt"], finding["id"]), reverse=order == "DESC")
            self.assertEqual(ids, [finding["id"] for finding in wanted])

    def test_criteria_choose_by_time_and_by_archive(self) -> None:
        found = self.seeded("guardduty")
        edge = sorted(finding["updatedAt"] for finding in found)[len(found) // 2]
        since = int(datetime.fromisoformat(edge).timestamp() * 1000)
        criteria = self.criteria(updatedAt={"Gte": since}, service_archived={"Eq": ["false"]})
        ids = self.paged(self.client_, "list_findings", "FindingIds", 7, DetectorId=self.detector(), FindingCriteria=criteria)
        wanted = {finding["id"] for finding in found if finding["updatedAt"] >= edge and not finding["service"]["archived"]}
        self.assertEqual(set(ids), wanted)
        criteria = self.criteria(severity={"GreaterThanOrEqual": 7}, type={"NotEquals": [found[0]["type"]]})
        ids = self.paged(self.client_, "list_findings", "FindingIds", 7, DetectorId=self.detector(), FindingCriteria=criteria)
        wanted = {finding["id"] for finding in found if finding["severity"] >= 7 and finding["type"] != found[0]["type"]}
        self.assertEqual(set(ids), wanted)

    def test_documents_come_back_as_they_were_put(self) -> None:
        found = self.seeded("guardduty")
        got = self.client_.get_findings(DetectorId=self.detector(), FindingIds=[finding["id"] for finding in found[:50]])["Findings"]
        self.assertEqual({finding["Id"]: finding["Type"] for finding in got}, {finding["id"]: finding["type"] for finding in found[:50]})
        too_many = [finding["id"] for finding in found[:51]]
        self.assertEqual(self.refusal(self.client_.get_findings, DetectorId=self.detector(), FindingIds=too_many)[0], 400)

    def test_a_changed_finding_is_the_same_finding(self) -> None:
        found = self.seeded("guardduty")
        later = found[0] | {"updatedAt": "2026-11-02T00:00:00.000Z"}
        self.assertEqual(self.put("guardduty", [later]), {"count": len(found)})
        sort = {"AttributeName": "updatedAt", "OrderBy": "DESC"}
        newest = self.client_.list_findings(DetectorId=self.detector(), SortCriteria=sort, MaxResults=1)["FindingIds"]
        self.assertEqual(newest, [found[0]["id"]])
        self.assertEqual(self.put("guardduty", [later], replace=True), {"count": 1})

    def test_pages_survive_change_and_tokens_fit_their_query_only(self) -> None:
        found = sorted(self.seeded("guardduty"), key=lambda finding: (finding["updatedAt"], finding["id"]))
        sort = {"AttributeName": "updatedAt", "OrderBy": "ASC"}
        detector = self.detector()
        first = self.client_.list_findings(DetectorId=detector, SortCriteria=sort, MaxResults=5)
        self.put("guardduty", [found[0] | {"updatedAt": "2026-11-02T00:00:00.000Z"}])
        second = self.client_.list_findings(DetectorId=detector, SortCriteria=sort, MaxResults=5, NextToken=first["NextToken"])
        self.assertEqual(second["FindingIds"], [finding["id"] for finding in found[5:10]])
        call = self.client_.list_findings
        self.assertEqual(self.refusal(call, DetectorId=detector, NextToken=first["NextToken"])[1], "BadRequestException")
        self.assertEqual(self.refusal(call, DetectorId=detector, SortCriteria=sort, NextToken="5")[1], "BadRequestException")


class Inspector(ServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.client_ = self.client("inspector2")

    def test_a_region_without_inspector_refuses(self) -> None:
        self.assertEqual(self.refusal(self.client_.list_findings)[:2], (403, "AccessDeniedException"))

    def test_all_findings_come_in_pages_with_times_as_numbers(self) -> None:
        found = self.seeded("inspector2")
        got = self.paged(self.client_, "list_findings", "findings", 100)
        self.assertEqual({finding["findingArn"] for finding in got}, {finding["findingArn"] for finding in found})
        first = next(finding for finding in found if finding["findingArn"] == got[0]["findingArn"])
        self.assertAlmostEqual(got[0]["updatedAt"].timestamp(), first["updatedAt"], places=2)
        self.assertIsInstance(first["updatedAt"], float)

    def test_criteria_choose_by_time_and_status(self) -> None:
        found = self.seeded("inspector2")
        times = sorted(finding["updatedAt"] for finding in found)
        start, end = times[len(times) // 4], times[3 * len(times) // 4]
        span = {"startInclusive": datetime.fromtimestamp(start, UTC), "endInclusive": datetime.fromtimestamp(end, UTC)}
        criteria = {"updatedAt": [span], "findingStatus": [{"comparison": "EQUALS", "value": "ACTIVE"}]}
        got = self.paged(self.client_, "list_findings", "findings", 20, filterCriteria=criteria)
        wanted = {f["findingArn"] for f in found if int(start) <= f["updatedAt"] <= end and f["status"] == "ACTIVE"}
        self.assertEqual(wanted ^ {finding["findingArn"] for finding in got}, set())

    def test_sorted_by_last_observation(self) -> None:
        self.seeded("inspector2")
        sort = {"field": "LAST_OBSERVED_AT", "sortOrder": "ASC"}
        times = [finding["lastObservedAt"] for finding in self.paged(self.client_, "list_findings", "findings", 30, sortCriteria=sort)]
        self.assertEqual(times, sorted(times))


class Macie(ServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.client_ = self.client("macie2")

    def test_a_region_without_macie_refuses(self) -> None:
        for call in (self.client_.get_macie_session, self.client_.list_findings):
            self.assertEqual(self.refusal(call), (403, "AccessDeniedException", "Macie is not enabled."))
        self.door.post("enable", service="macie2", account=self.account, region=REGION, on=True)
        self.assertEqual(self.client_.get_macie_session()["status"], "ENABLED")
        self.assertEqual(self.client_.list_findings()["findingIds"], [])

    def test_findings_are_chosen_by_time_paged_and_described(self) -> None:
        found = self.seeded("macie2")
        edge = sorted(finding["updatedAt"] for finding in found)[len(found) // 3]
        criteria = {"criterion": {"updatedAt": {"gte": int(datetime.fromisoformat(edge).timestamp() * 1000)}}}
        sort = {"attributeName": "updatedAt", "orderBy": "ASC"}
        ids = self.paged(self.client_, "list_findings", "findingIds", 10, findingCriteria=criteria, sortCriteria=sort)
        wanted = sorted(
            (finding for finding in found if finding["updatedAt"] >= edge), key=lambda finding: (finding["updatedAt"], finding["id"])
        )
        self.assertEqual(ids, [finding["id"] for finding in wanted])
        got = self.client_.get_findings(findingIds=ids[:50])["findings"]
        self.assertEqual({finding["id"] for finding in got}, set(ids[:50]))
        self.assertIsInstance(got[0]["updatedAt"], datetime)
        self.assertEqual(self.refusal(self.client_.get_findings, findingIds=["x"] * 51)[:2], (400, "ValidationException"))


class Regions(StandInCase):
    def test_two_regions_are_enabled_unless_said_otherwise(self) -> None:
        account = self.client("account")
        enabled = account.list_regions(RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"])["Regions"]
        self.assertEqual([region["RegionName"] for region in enabled], ["eu-west-1", "us-east-1"])
        self.assertGreater(len(account.list_regions()["Regions"]), 2)

    def test_regions_are_configured_per_account_and_paged(self) -> None:
        wanted = ["ap-east-1", "eu-central-1", "eu-west-1", "us-east-1", "us-west-2"]
        self.assertEqual(self.door.post("regions", account=self.account, regions=wanted), {"regions": wanted})
        pages = self.client("account").get_paginator("list_regions")
        items = [page["Regions"] for page in pages.paginate(RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"], MaxResults=2)]
        self.assertEqual([len(page) for page in items], [2, 2, 1])
        statuses = {region["RegionName"]: region["RegionOptStatus"] for page in items for region in page}
        self.assertEqual(sorted(statuses), wanted)
        self.assertEqual((statuses["ap-east-1"], statuses["us-east-1"]), ("ENABLED", "ENABLED_BY_DEFAULT"))

    def test_a_region_that_is_not_enabled_knows_nobody(self) -> None:
        client = self.client("guardduty", region="ap-east-1")
        self.assertEqual(self.refusal(client.list_detectors)[:2], (403, "UnrecognizedClientException"))
        with self.assertRaisesRegex(ValueError, "not enabled"):
            self.put("guardduty", [], region="ap-east-1")
