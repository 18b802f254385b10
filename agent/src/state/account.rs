//! The account itself: what holds for all of it, and what each Region has set.

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Map, Value as Json, json};

use super::document::Resource;
use super::epoch::{Broken, Telling};
use super::iam::Report;
use super::site::{Ask, MARKER, Refused, Site, member, state, taken};
use super::survey::{self, List, Listing, Survey, leave_out};
use crate::cloud::Service;

const KIND: &str = "AWS::::Account";

pub(super) const GLOBAL: Survey = Survey {
    name: "config-account",
    listings: &[Listing {
        kind: KIND,
        list: List::Own(global),
    }],
    check: |site| survey::check(site, Service::Iam, "iam:GetAccountSummary", &[]),
};

pub(super) const REGIONAL: Survey = Survey {
    name: "config-account",
    listings: &[Listing {
        kind: KIND,
        list: List::Own(regional),
    }],
    check: |site| survey::check(site, Service::Ec2, "ec2:GetEbsEncryptionByDefault", &[]),
};

fn global<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let iam = |call| site.act(Service::Iam, call, &Json::Null);
        let summary = member(iam("iam:GetAccountSummary").await, "SummaryMap");
        let passwords = member(iam("iam:GetAccountPasswordPolicy").await, "PasswordPolicy");
        let root = match Report::fetch(site).await {
            Ok(report) => report.root(),
            Err(refused) => site.part(Err(refused), &[])?,
        };
        let devices = site.pages(Service::Iam, "iam:ListVirtualMFADevices", json!({}), MARKER);
        let devices = site.whole(devices, "VirtualMFADevices").await;
        let devices = devices.map(|mut devices| {
            // What a code can be made from stays where it is.
            let secrets = &["Base32StringSeed", "QRCodePNG"];
            devices
                .iter_mut()
                .for_each(|device| leave_out(secrets, device));
            devices
        });
        let state = state([
            ("AccountSummary", site.part(summary, &[])?),
            ("PasswordPolicy", site.part(passwords, &["NoSuchEntity"])?),
            ("RootCredentials", root),
            (
                "VirtualMfaDevices",
                site.part(devices.map(Json::Array), &[])?,
            ),
            ("SecurityContact", security_contact(site).await?),
            ("PublicAccessBlock", public_access_block(site).await?),
            ("SupportAccess", support_access(site).await?),
        ]);
        out.add(account(site, state)).await
    }
    .boxed()
}

/// Settings of a Region: the part, which is a member of the answer, and the call.
const SETTINGS: [(&str, Service, &str); 5] = [
    (
        "EbsEncryptionByDefault",
        Service::Ec2,
        "ec2:GetEbsEncryptionByDefault",
    ),
    (
        "VpcBlockPublicAccessOptions",
        Service::Ec2,
        "ec2:DescribeVpcBlockPublicAccessOptions",
    ),
    (
        "ConfigurationRecorders",
        Service::Config,
        "config:DescribeConfigurationRecorders",
    ),
    (
        "ConfigurationRecordersStatus",
        Service::Config,
        "config:DescribeConfigurationRecorderStatus",
    ),
    (
        "DeliveryChannels",
        Service::Config,
        "config:DescribeDeliveryChannels",
    ),
];

fn regional<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let call = "ec2:GetSnapshotBlockPublicAccessState";
        let snapshots = site.act(Service::Ec2, call, &json!({})).await;
        let snapshots = snapshots.map(|mut answer| {
            leave_out(&["RequestId"], &mut answer);
            answer
        });
        let snapshots = site.part(snapshots, &[])?;
        let mut state = state([("SnapshotBlockPublicAccess", snapshots)]);
        for (part, service, call) in SETTINGS {
            let answer = site.act(service, call, &json!({})).await;
            let setting = site.part(member(answer, part), &[])?;
            state.insert(part.to_owned(), setting);
        }
        out.add(account(site, state)).await
    }
    .boxed()
}

fn account(site: &Site, state: Map<String, Json>) -> Resource {
    Resource {
        id: format!("{KIND}:{}", site.account),
        region: site.place.clone(),
        state,
    }
}

async fn security_contact(site: &Site) -> Result<Json, Refused> {
    let answer = site
        .post(
            Service::Account,
            "account:GetAlternateContact",
            "/getAlternateContact",
            &json!({ "AlternateContactType": "SECURITY" }),
        )
        .await;
    let contact = member(answer, "AlternateContact");
    site.part(contact, &["ResourceNotFoundException"])
}

async fn public_access_block(site: &Site) -> Result<Json, Refused> {
    let call = "s3:GetAccountPublicAccessBlock";
    let ask = Ask::Get {
        path: "/v20180820/configuration/publicAccessBlock",
        headers: &[("x-amz-account-id", site.account.to_string())],
    };
    let answer = site.ask(&site.region, Service::S3Control, call, ask).await;
    site.part(answer, &["NoSuchPublicAccessBlockConfiguration"])
}

/// Who may open cases with AWS. The three lists come in pages together.
async fn support_access(site: &Site) -> Result<Json, Refused> {
    const LISTS: [&str; 3] = ["PolicyGroups", "PolicyRoles", "PolicyUsers"];
    let partition = site.partition().as_str();
    let policy = format!("arn:{partition}:iam::aws:policy/AWSSupportAccess");
    let mut pages = site.pages(
        Service::Iam,
        "iam:ListEntitiesForPolicy",
        json!({ "PolicyArn": policy }),
        MARKER,
    );
    let mut entities = LISTS.map(|list| (list, Vec::new()));
    loop {
        match pages.next().await {
            Ok(Some(mut page)) => {
                for (list, found) in &mut entities {
                    found.append(&mut taken(&mut page, list));
                }
            }
            Ok(None) => break,
            Err(refused) => return site.part(Err(refused), &["NoSuchEntity"]),
        }
    }
    Ok(Json::Object(state(
        entities.map(|(list, found)| (list, Json::Array(found))),
    )))
}
