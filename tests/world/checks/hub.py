"""Security Hub, through its own client and paginator."""

from datetime import UTC, datetime

from findings import account_findings
from generated.profiles import PROFILES

from .process import StandInCase

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
REGION = "us-east-1"
AWS_PRODUCTS = f"arn:aws:securityhub:{REGION}::product/aws/"


class Hub(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.hub = self.client("securityhub")

    def seeded(self) -> list[dict]:
        found = account_findings(self.account, PROFILES["bad"], 500, [REGION], UNTIL).services[REGION]["securityhub"]
        self.put("securityhub", found)
        return found

    def got(self, size: int = 100, **arguments) -> list[dict]:
        pages = self.hub.get_paginator("get_findings").paginate(PaginationConfig={"PageSize": size}, **arguments)
        return [finding for page in pages for finding in page["Findings"]]

    def ids(self, findings: list[dict]) -> set[str]:
        return {finding["Id"] for finding in findings}

    def test_a_region_without_security_hub_says_so(self) -> None:
        words = f"Account {self.account} is not subscribed to AWS Security Hub"
        for call in (self.hub.describe_hub, self.hub.get_findings):
            self.assertEqual(self.refusal(call), (401, "InvalidAccessException", words))

    def test_it_is_switched_per_region_by_door_or_by_its_own_api(self) -> None:
        self.door.post("enable", service="securityhub", account=self.account, region=REGION, on=True)
        self.assertEqual(self.hub.describe_hub()["HubArn"], f"arn:aws:securityhub:{REGION}:{self.account}:hub/default")
        elsewhere = self.client("securityhub", region="eu-west-1")
        self.assertEqual(self.refusal(elsewhere.describe_hub)[0], 401)
        elsewhere.enable_security_hub()
        self.assertIn("SubscribedAt", elsewhere.describe_hub())
        self.door.post("enable", service="securityhub", account=self.account, region=REGION, on=False)
        self.assertEqual(self.refusal(self.hub.describe_hub)[0], 401)

    def test_all_findings_come_in_pages_and_in_order(self) -> None:
        found = self.seeded()
        for order in ("asc", "desc"):
            got = self.got(sort_size := 37, SortCriteria=[{"Field": "UpdatedAt", "SortOrder": order}])
            self.assertGreater(len(got), sort_size)
            self.assertEqual(self.ids(got), self.ids(found))
            times = [finding["UpdatedAt"] for finding in got]
            self.assertEqual(times, sorted(times, reverse=order == "desc"))

    def test_filters_choose_by_time(self) -> None:
        found = self.seeded()
        times = sorted(finding["UpdatedAt"] for finding in found)
        start, end = times[len(times) // 4], times[len(times) // 2]
        got = self.got(Filters={"UpdatedAt": [{"Start": start, "End": end}]})
        self.assertEqual(self.ids(got), self.ids([finding for finding in found if start <= finding["UpdatedAt"] <= end]))
        fresh = found[0] | {"UpdatedAt": datetime.now(UTC).isoformat(timespec="milliseconds")}
        self.put("securityhub", [fresh], replace=True)
        self.assertEqual(self.ids(self.got(Filters={"UpdatedAt": [{"DateRange": {"Value": 1, "Unit": "DAYS"}}]})), {fresh["Id"]})

    def test_filters_choose_by_product_state_and_account(self) -> None:
        found = self.seeded()
        prefix = {"ProductArn": [{"Comparison": "PREFIX", "Value": AWS_PRODUCTS}]}
        wanted = [finding for finding in found if finding["ProductArn"].startswith(AWS_PRODUCTS)]
        self.assertEqual(self.ids(self.got(Filters=prefix)), self.ids(wanted))
        others = {"ProductArn": [{"Comparison": "PREFIX_NOT_EQUALS", "Value": AWS_PRODUCTS}]}
        self.assertEqual(self.ids(self.got(Filters=others)), self.ids(found) - self.ids(wanted))
        active = prefix | {"RecordState": [{"Comparison": "EQUALS", "Value": "ACTIVE"}]}
        self.assertEqual(self.ids(self.got(Filters=active)), self.ids([f for f in wanted if f["RecordState"] == "ACTIVE"]))
        mine = {"AwsAccountId": [{"Comparison": "EQUALS", "Value": self.account}]}
        self.assertEqual(self.ids(self.got(Filters=mine)), self.ids(found))
        nobodys = {"AwsAccountId": [{"Comparison": "EQUALS", "Value": "999988887777"}]}
        self.assertEqual(self.got(Filters=nobodys), [])

    def test_what_it_cannot_filter_it_refuses(self) -> None:
        self.seeded()
        filters = {"Keyword": [{"Value": "x"}]}
        self.assertEqual(self.refusal(self.hub.get_findings, Filters=filters)[:2], (400, "InvalidInputException"))
        contains = {"Title": [{"Comparison": "CONTAINS", "Value": "x"}]}
        self.assertEqual(self.refusal(self.hub.get_findings, Filters=contains)[:2], (400, "InvalidInputException"))
        token = self.hub.get_findings(MaxResults=2)["NextToken"]
        other = {"RecordState": [{"Comparison": "EQUALS", "Value": "ACTIVE"}]}
        self.assertEqual(self.refusal(self.hub.get_findings, NextToken=token, Filters=other)[1], "InvalidInputException")

    def test_imported_findings_are_found(self) -> None:
        found = self.seeded()
        renewed = found[0] | {"Title": "changed"}
        renewed.pop("VendorExtension", None)
        answer = self.hub.batch_import_findings(Findings=[renewed, renewed | {"Id": "new"}])
        self.assertEqual((answer["SuccessCount"], answer["FailedCount"]), (2, 0))
        got = {finding["Id"]: finding["Title"] for finding in self.got()}
        self.assertEqual((got[found[0]["Id"]], got["new"], len(got)), ("changed", "changed", len(found) + 1))
