"""Amazon SNS: a subscription that somebody must answer is pending until he does; queues and functions never are."""

from functools import wraps

from moto.core.responses import ActionResult
from moto.sns.models import SNSBackend, Subscription
from moto.sns.responses import SNSResponse

ANSWERED = ("email", "email-json", "http", "https")
PENDING = "PendingConfirmation"


def mend() -> None:
    SNSBackend.subscribe = _pending(SNSBackend.subscribe)
    for name in ("list_subscriptions", "list_subscriptions_by_topic"):
        setattr(SNSResponse, name, _listed(getattr(SNSResponse, name)))
    SNSResponse.get_topic_attributes = _counted(SNSResponse.get_topic_attributes)


def _pending(subscribe):
    @wraps(subscribe)
    def subscribed(backend: SNSBackend, topic_arn: str, endpoint: str, protocol: str) -> Subscription:
        subscription = subscribe(backend, topic_arn, endpoint, protocol)
        if protocol in ANSWERED and not subscription.confirmed:
            subscription.attributes["PendingConfirmation"] = True
        return subscription

    return subscribed


def _listed(list_):
    @wraps(list_)
    def listed(response: SNSResponse) -> ActionResult:
        found = list_(response)
        return ActionResult(found.result | {"Subscriptions": [_listing(subscription) for subscription in found.result["Subscriptions"]]})

    return listed


def _listing(subscription: Subscription) -> dict:
    return {
        "SubscriptionArn": PENDING if _is_pending(subscription) else subscription.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    }


def _counted(describe):
    @wraps(describe)
    def described(response: SNSResponse) -> ActionResult:
        topic = response.backend.get_topic(response._get_param("TopicArn"))
        mine = [subscription for subscription in response.backend.subscriptions.values() if subscription.topic is topic]
        topic.subscriptions_pending = sum(_is_pending(subscription) for subscription in mine)
        topic.subscriptions_confimed = len(mine) - topic.subscriptions_pending
        return describe(response)

    return described


def _is_pending(subscription: Subscription) -> bool:
    return bool(subscription.attributes.get("PendingConfirmation"))
