//! What happened: `Action` and `Network`.
//!
//! Source: Security Hub API Reference, `Action`; GuardDuty API Reference, `Action`. ASFF knows four kinds of actions; of
//! the others it holds the kind, and what they say stands in the product fields. Decided here: `Network` is filled from
//! the action, as findings are filtered by it; of a connection in an unknown direction it says nothing.

use super::super::native::Native;
use super::super::object::{Object, capitalized};
use super::super::text::cut;

pub(super) fn action(service: Native<'_>) -> Object {
    let action = service.at("action");
    let seen = seen(action);
    let (name, details) = match action.text("actionType") {
        Some("AWS_API_CALL") => ("AwsApiCallAction", api_call(seen, service)),
        Some("DNS_REQUEST") => ("DnsRequestAction", dns_request(seen)),
        Some("NETWORK_CONNECTION") => ("NetworkConnectionAction", connection(seen)),
        Some("PORT_PROBE") => ("PortProbeAction", port_probe(seen)),
        Some(_) | None => ("", Object::default()),
    };
    Object::default()
        .with("ActionType", action.text("actionType"))
        .with(name, details)
}

pub(super) fn network(service: Native<'_>) -> Object {
    let action = service.at("action");
    let seen = seen(action);
    let protocol = seen.text("protocol").map(|protocol| cut(protocol, 16));
    match action.text("actionType") {
        Some("NETWORK_CONNECTION") => connected(seen).with("Protocol", protocol),
        Some("DNS_REQUEST") => Object::default()
            .with("Direction", "OUT")
            .with("Protocol", protocol)
            .with(
                "DestinationDomain",
                seen.text("domain").map(|text| cut(text, 128)),
            ),
        Some("PORT_PROBE") => {
            let probe = first_probe(seen);
            addresses("Source", remote(action))
                .and(addresses("Destination", probe.at("localIpDetails")))
                .with("Direction", "IN")
                .with("DestinationPort", probe.number("localPortDetails/port"))
        }
        Some("RDS_LOGIN_ATTEMPT") => addresses("Source", remote(action)).with("Direction", "IN"),
        Some(_) | None => addresses("Source", remote(action)),
    }
}

/// The other side of the action, where it has one: a domain, an address.
pub(super) fn counterpart(service: Native<'_>) -> Option<(&'static str, &str)> {
    let action = service.at("action");
    let remote = remote(action);
    let domain = seen(action).text("domain").map(|text| ("DOMAIN", text));
    let v4 = remote
        .text("ipAddressV4")
        .map(|text| ("IPV4_ADDRESS", text));
    let v6 = remote
        .text("ipAddressV6")
        .map(|text| ("IPV6_ADDRESS", text));
    domain.or(v4).or(v6)
}

/// What the action says, by its kind.
fn seen(action: Native<'_>) -> Native<'_> {
    let name = match action.text("actionType") {
        Some("AWS_API_CALL") => "awsApiCallAction",
        Some("DNS_REQUEST") => "dnsRequestAction",
        Some("KUBERNETES_API_CALL") => "kubernetesApiCallAction",
        Some("NETWORK_CONNECTION") => "networkConnectionAction",
        Some("PORT_PROBE") => "portProbeAction",
        Some("RDS_LOGIN_ATTEMPT") => "rdsLoginAttemptAction",
        Some(_) | None => return Native::default(),
    };
    action.at(name)
}

/// Of several probes the first stands for all.
fn remote(action: Native<'_>) -> Native<'_> {
    let seen = seen(action);
    let alone = seen.at("remoteIpDetails");
    if alone.exists() {
        alone
    } else {
        first_probe(seen).at("remoteIpDetails")
    }
}

fn first_probe(seen: Native<'_>) -> Native<'_> {
    seen.items("portProbeDetails").next().unwrap_or_default()
}

fn addresses(side: &str, details: Native<'_>) -> Object {
    Object::default()
        .with(&format!("{side}IpV4"), details.text("ipAddressV4"))
        .with(&format!("{side}IpV6"), details.text("ipAddressV6"))
}

fn connected(seen: Native<'_>) -> Object {
    let (direction, source, destination) = match seen.text("connectionDirection") {
        Some("INBOUND") => ("IN", "remote", "local"),
        Some("OUTBOUND") => ("OUT", "local", "remote"),
        Some(_) | None => return Object::default(),
    };
    let details = |side: &str| seen.at(&format!("{side}IpDetails"));
    let port = |side: &str| seen.number(&format!("{side}PortDetails/port"));
    addresses("Source", details(source))
        .and(addresses("Destination", details(destination)))
        .with("Direction", direction)
        .with("SourcePort", port(source))
        .with("DestinationPort", port(destination))
}

fn api_call(seen: Native<'_>, service: Native<'_>) -> Object {
    Object::default()
        .with("Api", seen.text("api"))
        .with("ServiceName", seen.text("serviceName"))
        .with("CallerType", seen.text("callerType"))
        .with("RemoteIpDetails", remote_ip(seen.at("remoteIpDetails")))
        .with(
            "DomainDetails",
            Object::default().with("Domain", seen.text("domainDetails/domain")),
        )
        .with("AffectedResources", affected(seen))
        .with("FirstSeen", service.moment("eventFirstSeen"))
        .with("LastSeen", service.moment("eventLastSeen"))
}

fn affected(seen: Native<'_>) -> Object {
    seen.at("affectedResources")
        .members()
        .fold(Object::default(), |object, (kind, name)| {
            object.with(kind, name.text(""))
        })
}

fn dns_request(seen: Native<'_>) -> Object {
    Object::default()
        .with("Domain", seen.text("domain"))
        .with("Protocol", seen.text("protocol"))
        .with("Blocked", seen.flag("blocked"))
}

fn connection(seen: Native<'_>) -> Object {
    Object::default()
        .with("ConnectionDirection", seen.text("connectionDirection"))
        .with("RemoteIpDetails", remote_ip(seen.at("remoteIpDetails")))
        .with(
            "RemotePortDetails",
            capitalized(seen.at("remotePortDetails")),
        )
        .with("LocalPortDetails", capitalized(seen.at("localPortDetails")))
        .with("Protocol", seen.text("protocol"))
        .with("Blocked", seen.flag("blocked"))
}

fn port_probe(seen: Native<'_>) -> Object {
    let probes: Vec<Object> = seen
        .items("portProbeDetails")
        .map(|probe| {
            Object::default()
                .with(
                    "LocalPortDetails",
                    capitalized(probe.at("localPortDetails")),
                )
                .with(
                    "LocalIpDetails",
                    Object::default().with("IpAddressV4", probe.text("localIpDetails/ipAddressV4")),
                )
                .with("RemoteIpDetails", remote_ip(probe.at("remoteIpDetails")))
        })
        .collect();
    Object::default()
        .with("PortProbeDetails", probes)
        .with("Blocked", seen.flag("blocked"))
}

fn remote_ip(details: Native<'_>) -> Object {
    let owner = details.at("organization");
    let organization = Object::default()
        .with("Asn", owner.whole("asn"))
        .with("AsnOrg", owner.text("asnOrg"))
        .with("Isp", owner.text("isp"))
        .with("Org", owner.text("org"));
    Object::default()
        .with("IpAddressV4", details.text("ipAddressV4"))
        .with("Organization", organization)
        .with("Country", capitalized(details.at("country")))
        .with("City", capitalized(details.at("city")))
        .with("GeoLocation", capitalized(details.at("geoLocation")))
}
