//! IAM: users, groups, roles, the account's own policies, server certificates.

mod report;

use futures::future::{BoxFuture, FutureExt as _};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json, json};

use super::document::{Resource, policy, unavailable};
use super::epoch::{Broken, Telling};
use super::site::{MARKER, Refused, Site, member, state, taken, text};
use super::survey::{self, Entries, Id, List, Listing, Survey, describe};
use crate::cloud::Service;

pub(super) use report::Report;

pub(super) const SURVEY: Survey = Survey {
    name: "config-iam",
    listings: &[
        Listing {
            kind: "AWS::IAM::User",
            list: List::Own(users),
        },
        Listing {
            kind: "AWS::IAM::Group",
            list: List::Own(groups),
        },
        Listing {
            kind: "AWS::IAM::Role",
            list: List::Own(roles),
        },
        Listing {
            kind: "AWS::IAM::Policy",
            list: List::Own(policies),
        },
        Listing {
            kind: "AWS::IAM::ServerCertificate",
            list: List::Entries(Entries {
                service: Service::Iam,
                call: "iam:ListServerCertificates",
                parameters: &[],
                paging: MARKER,
                list: "ServerCertificateMetadataList",
                part: "ServerCertificateMetadata",
                measured: &[],
                id: Id::Arn("Arn"),
            }),
        },
    ],
    check: |site| survey::check(site, Service::Iam, "iam:ListUsers", &[("MaxItems", "1")]),
};

/// Who holds policies, and the calls that tell which.
struct Holder {
    /// The member that names it.
    name: &'static str,
    inline: &'static str,
    document: &'static str,
    attached: &'static str,
}

const USER: Holder = Holder {
    name: "UserName",
    inline: "iam:ListUserPolicies",
    document: "iam:GetUserPolicy",
    attached: "iam:ListAttachedUserPolicies",
};

const GROUP: Holder = Holder {
    name: "GroupName",
    inline: "iam:ListGroupPolicies",
    document: "iam:GetGroupPolicy",
    attached: "iam:ListAttachedGroupPolicies",
};

const ROLE: Holder = Holder {
    name: "RoleName",
    inline: "iam:ListRolePolicies",
    document: "iam:GetRolePolicy",
    attached: "iam:ListAttachedRolePolicies",
};

fn users<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let report = Report::fetch(site).await;
        let report = &report;
        let mut pages = site.pages(Service::Iam, "iam:ListUsers", json!({}), MARKER);
        while let Some(mut page) = pages.next().await? {
            let user = |user: Json| {
                async move {
                    let credentials = credentials(site, report, &user)?;
                    let Policies {
                        names,
                        documents,
                        attached,
                    } = USER.policies(site, &user).await?;
                    let parts = [
                        ("InlinePolicies", names),
                        ("InlineDocuments", documents),
                        ("AttachedPolicies", attached),
                        ("Credentials", credentials),
                        ("User", user),
                    ];
                    Ok(resource(site, state(parts), "User"))
                }
                .boxed()
            };
            describe(taken(&mut page, "Users"), out, user).await?;
        }
        Ok(())
    }
    .boxed()
}

fn groups<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let mut pages = site.pages(Service::Iam, "iam:ListGroups", json!({}), MARKER);
        while let Some(mut page) = pages.next().await? {
            let group = |group| holder(site, &GROUP, "Group", group).boxed();
            describe(taken(&mut page, "Groups"), out, group).await?;
        }
        Ok(())
    }
    .boxed()
}

fn roles<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let mut pages = site.pages(Service::Iam, "iam:ListRoles", json!({}), MARKER);
        while let Some(mut page) = pages.next().await? {
            let role = |mut role: Json| {
                if let Some(trust) = role.get_mut("AssumeRolePolicyDocument") {
                    *trust = decoded(trust);
                }
                holder(site, &ROLE, "Role", role).boxed()
            };
            describe(taken(&mut page, "Roles"), out, role).await?;
        }
        Ok(())
    }
    .boxed()
}

/// A group or a role.
async fn holder(
    site: &Site,
    holder: &Holder,
    part: &'static str,
    entry: Json,
) -> Result<Resource, Refused> {
    let policies = holder.policies(site, &entry).await?;
    let parts = [
        ("InlineDocuments", policies.documents),
        ("AttachedPolicies", policies.attached),
        (part, entry),
    ];
    Ok(resource(site, state(parts), part))
}

fn policies<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let own = json!({ "Scope": "Local" });
        let mut pages = site.pages(Service::Iam, "iam:ListPolicies", own, MARKER);
        while let Some(mut page) = pages.next().await? {
            let policy = |policy: Json| {
                async move {
                    let parameters = json!({
                        "PolicyArn": policy["Arn"],
                        "VersionId": policy["DefaultVersionId"],
                    });
                    let version = site
                        .act(Service::Iam, "iam:GetPolicyVersion", &parameters)
                        .await;
                    let document =
                        version.map(|version| decoded(&version["PolicyVersion"]["Document"]));
                    let parts = [("Document", site.part(document, &[])?), ("Policy", policy)];
                    Ok(resource(site, state(parts), "Policy"))
                }
                .boxed()
            };
            describe(taken(&mut page, "Policies"), out, policy).await?;
        }
        Ok(())
    }
    .boxed()
}

/// The parts that say which policies somebody has.
struct Policies {
    names: Json,
    documents: Json,
    attached: Json,
}

impl Holder {
    async fn policies(&self, site: &Site, entry: &Json) -> Result<Policies, Refused> {
        let named = json!({ self.name: entry[self.name] });
        let attached = site.pages(Service::Iam, self.attached, named.clone(), MARKER);
        let attached = site.whole(attached, "AttachedPolicies").await;
        let inline = site.pages(Service::Iam, self.inline, named.clone(), MARKER);
        let (names, documents) = match site.whole(inline, "PolicyNames").await {
            Ok(names) => {
                let documents = self.documents(site, &named, &names).await;
                (Json::Array(names), site.part(documents, &[])?)
            }
            Err(refused) => {
                let part = site.part(Err(refused), &[])?;
                (part.clone(), part)
            }
        };
        Ok(Policies {
            names,
            documents,
            attached: site.part(attached.map(Json::Array), &[])?,
        })
    }

    async fn documents(&self, site: &Site, named: &Json, names: &[Json]) -> Result<Json, Refused> {
        let mut documents = Vec::new();
        for name in names {
            let mut parameters = named.clone();
            parameters["PolicyName"] = name.clone();
            let answer = site.act(Service::Iam, self.document, &parameters).await;
            let document = decoded(&member(answer, "PolicyDocument")?);
            documents.push(json!({ "PolicyName": name, "PolicyDocument": document }));
        }
        Ok(Json::Array(documents))
    }
}

fn credentials(
    site: &Site,
    report: &Result<Report, Refused>,
    user: &Json,
) -> Result<Json, Refused> {
    match report {
        // AWS makes a report every four hours at most.
        Ok(report) => Ok(report
            .user(text(user, "UserName"))
            .unwrap_or_else(|| unavailable("NotInReport", report::CALL))),
        Err(refused) => site.part(Err(refused.clone()), &[]),
    }
}

/// `part` is the one that has the ARN.
fn resource(site: &Site, state: Map<String, Json>, part: &str) -> Resource {
    let arn = state.get(part).map(|entry| text(entry, "Arn"));
    Resource {
        id: arn.unwrap_or_default().to_owned(),
        region: site.place.clone(),
        state,
    }
}

/// A policy as IAM gives it: URL-encoded JSON.
fn decoded(document: &Json) -> Json {
    let Some(text) = document.as_str() else {
        return document.clone();
    };
    let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
    policy(&text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_decoded() {
        let text = json!("%7B%22Version%22%3A%20%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D");
        assert_eq!(
            decoded(&text),
            json!({ "Version": "2012-10-17", "Statement": [] })
        );
        assert_eq!(decoded(&Json::Null), Json::Null);
        assert_eq!(decoded(&json!({ "a": 1 })), json!({ "a": 1 }));
    }
}
