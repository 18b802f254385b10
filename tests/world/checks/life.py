"""How the process begins and ends, and what a reset forgets."""

import json
import socket
import time
import unittest

from accounts import SESSION, Account

from .process import StandIn, until


class Life(unittest.TestCase):
    def setUp(self) -> None:
        self.stand_in = StandIn()
        self.addCleanup(self.stand_in.stop)

    def test_it_says_where_it_listens_and_ends_at_once(self) -> None:
        ready = json.loads(self.stand_in.ready_file.read_text())
        self.assertEqual(ready, {"port": self.stand_in.port, "pid": self.stand_in.process.pid})
        self.assertEqual(self.stand_in.door.get("ping"), {"ok": True})
        began = time.monotonic()
        self.assertEqual(self.stand_in.stop(), 0)
        self.assertLess(time.monotonic() - began, 1)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.stand_in.port), 1)

    def test_a_call_that_hangs_does_not_keep_it_alive(self) -> None:
        Account(self.stand_in.endpoint, "111122223333")
        self.stand_in.door.post("faults", service="sts", kind="hang")
        with socket.create_connection(("127.0.0.1", self.stand_in.port)) as hanging:
            body = "Action=GetSessionToken"
            form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 22"
            auth = "Authorization: AWS4-HMAC-SHA256 Credential=a/20261101/us-east-1/sts/aws4_request"
            hanging.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{form}\r\n{auth}\r\n\r\n{body}".encode())
            until(lambda: "GetSessionToken" in self.stand_in.door.get("requests")["requests"]["unknown"]["sts"])
            self.assertEqual(self.stand_in.stop(), 0)

    def test_a_reset_forgets_all_but_keys(self) -> None:
        door, account = self.stand_in.door, "111122223333"
        entry = Account(self.stand_in.endpoint, account)
        agent = entry.session(entry.role("MusterAgent"))
        door.post("regions", account=account, regions=["eu-west-3"])
        door.post("findings", service="guardduty", account=account, region="eu-west-3", findings=[{"id": "a"}])
        door.post("faults", service="sts", kind="deny")
        self.assertEqual(door.post("reset"), {"ok": True})
        self.assertEqual(door.get("findings"), {"counts": {}})
        self.assertEqual(door.get("requests"), {"requests": {}})
        how = {"region_name": "us-east-1", "endpoint_url": self.stand_in.endpoint} | agent.for_boto3()
        self.assertEqual(SESSION.client("sts", **how).get_caller_identity()["Account"], account)
        self.assertEqual(SESSION.client("guardduty", **how).list_detectors()["DetectorIds"], [])

    def test_it_listens_on_loopback_only(self) -> None:
        with open("/proc/net/tcp", encoding="ascii") as table:
            listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
        mine = [address for address in listening if address.endswith(f":{self.stand_in.port:04X}")]
        self.assertEqual(mine, [f"0100007F:{self.stand_in.port:04X}"])
