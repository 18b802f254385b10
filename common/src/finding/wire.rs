//! Findings as `muster.v1` carries them: typed where a typed field says exactly the same, JSON for the rest.
//!
//! The rule that keeps it lossless: a property goes into its typed field, and if the typed field read back does not give
//! the same JSON, the property also stands in `long_tail`, which wins when the document is put together again.

use bytes::Bytes;
use muster_proto::v1 as wire;
use serde_json::{Map, Value as Json, json};

/// A JSON object that is no finding message, or a message whose JSON parts are no objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: should be a JSON object: {what}")]
pub struct InvalidJson {
    field: &'static str,
    what: String,
}

/// Types a document.
///
/// # Errors
/// [`InvalidJson`] if it is no JSON object.
pub fn from_json(document: &[u8]) -> Result<wire::Finding, InvalidJson> {
    let properties = object("asff", document)?;
    let mut finding = wire::Finding::default();
    for (name, value) in &properties {
        read(&mut finding, name, value);
    }
    let typed = typed_json(&finding)?;
    let rest: Map<_, _> = properties
        .into_iter()
        .filter(|(name, value)| typed.get(name) != Some(value))
        .collect();
    finding.long_tail = bytes(&rest);
    Ok(finding)
}

/// Puts a document together.
///
/// # Errors
/// [`InvalidJson`] names the message's part that is no JSON object.
pub fn to_json(finding: &wire::Finding) -> Result<Vec<u8>, InvalidJson> {
    let mut document = typed_json(finding)?;
    document.extend(object("long_tail", &finding.long_tail)?);
    Ok(serde_json::to_vec(&document).expect("a JSON map is written"))
}

fn object(field: &'static str, text: &[u8]) -> Result<Map<String, Json>, InvalidJson> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(text).map_err(|error| InvalidJson {
        field,
        what: error.to_string(),
    })
}

fn bytes(object: &Map<String, Json>) -> Bytes {
    if object.is_empty() {
        return Bytes::new();
    }
    Bytes::from(serde_json::to_vec(object).expect("a JSON map is written"))
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn whole(value: &Json) -> Option<i32> {
    i32::try_from(value.as_i64()?).ok()
}

fn texts(value: &Json) -> Vec<String> {
    value
        .as_array()
        .map(|items| items.iter().map(text).collect())
        .unwrap_or_default()
}

fn map(value: &Json) -> std::collections::BTreeMap<String, String> {
    value
        .as_object()
        .map(|members| {
            members
                .iter()
                .map(|(key, value)| (key.clone(), text(value)))
                .collect()
        })
        .unwrap_or_default()
}

/// Reads one property into its typed field, as far as it fits.
fn read(finding: &mut wire::Finding, name: &str, value: &Json) {
    match name {
        "SchemaVersion" => finding.schema_version = text(value),
        "Id" => finding.id = text(value),
        "ProductArn" => finding.product_arn = text(value),
        "ProductName" => finding.product_name = text(value),
        "CompanyName" => finding.company_name = text(value),
        "Region" => finding.region = text(value),
        "GeneratorId" => finding.generator_id = text(value),
        "AwsAccountId" => finding.aws_account_id = text(value),
        "AwsAccountName" => finding.aws_account_name = text(value),
        "Types" => finding.types = texts(value),
        "FirstObservedAt" => finding.first_observed_at = text(value),
        "LastObservedAt" => finding.last_observed_at = text(value),
        "CreatedAt" => finding.created_at = text(value),
        "UpdatedAt" => finding.updated_at = text(value),
        "ProcessedAt" => finding.processed_at = text(value),
        "Severity" => finding.severity = Some(severity(value)),
        "Confidence" => finding.confidence = whole(value),
        "Criticality" => finding.criticality = whole(value),
        "Title" => finding.title = text(value),
        "Description" => finding.description = text(value),
        "Remediation" => finding.remediation = Some(remediation(value)),
        "SourceUrl" => finding.source_url = text(value),
        "ProductFields" => finding.product_fields = map(value),
        "UserDefinedFields" => finding.user_defined_fields = map(value),
        "Resources" => finding.resources = list(value, resource),
        "Compliance" => finding.compliance = Some(compliance(value)),
        "VerificationState" => finding.verification_state = text(value),
        "WorkflowState" => finding.workflow_state = text(value),
        "Workflow" => {
            finding.workflow = Some(wire::Workflow {
                status: text(&value["Status"]),
            });
        }
        "RecordState" => finding.record_state = text(value),
        "RelatedFindings" => finding.related_findings = list(value, related),
        "Note" => {
            finding.note = Some(wire::Note {
                text: text(&value["Text"]),
                updated_by: text(&value["UpdatedBy"]),
                updated_at: text(&value["UpdatedAt"]),
            });
        }
        "FindingProviderFields" => finding.finding_provider_fields = Some(provider_fields(value)),
        "Sample" => finding.sample = value.as_bool(),
        _ => {}
    }
}

fn list<T>(value: &Json, item: impl Fn(&Json) -> T) -> Vec<T> {
    value
        .as_array()
        .map(|items| items.iter().map(item).collect())
        .unwrap_or_default()
}

fn severity(value: &Json) -> wire::Severity {
    wire::Severity {
        label: text(&value["Label"]),
        normalized: whole(&value["Normalized"]),
        original: text(&value["Original"]),
        product: value["Product"].as_f64(),
    }
}

fn remediation(value: &Json) -> wire::Remediation {
    let recommendation = &value["Recommendation"];
    wire::Remediation {
        recommendation_text: text(&recommendation["Text"]),
        recommendation_url: text(&recommendation["Url"]),
    }
}

fn resource(value: &Json) -> wire::Resource {
    let mut rest = value.as_object().cloned().unwrap_or_default();
    let mut resource = wire::Resource {
        r#type: text(&value["Type"]),
        id: text(&value["Id"]),
        partition: text(&value["Partition"]),
        region: text(&value["Region"]),
        resource_role: text(&value["ResourceRole"]),
        tags: map(&value["Tags"]),
        details: value["Details"].as_object().map(bytes).unwrap_or_default(),
        long_tail: Bytes::new(),
    };
    let typed = resource_json(&resource).unwrap_or_default();
    rest.retain(|name, value| typed.get(name) != Some(value));
    resource.long_tail = bytes(&rest);
    resource
}

fn compliance(value: &Json) -> wire::Compliance {
    wire::Compliance {
        status: text(&value["Status"]),
        related_requirements: texts(&value["RelatedRequirements"]),
        security_control_id: text(&value["SecurityControlId"]),
        associated_standards: list(&value["AssociatedStandards"], |standard| {
            text(&standard["StandardsId"])
        }),
    }
}

fn related(value: &Json) -> wire::RelatedFinding {
    wire::RelatedFinding {
        product_arn: text(&value["ProductArn"]),
        id: text(&value["Id"]),
    }
}

fn provider_fields(value: &Json) -> wire::FindingProviderFields {
    wire::FindingProviderFields {
        severity: value.get("Severity").map(severity),
        types: texts(&value["Types"]),
        confidence: whole(&value["Confidence"]),
        criticality: whole(&value["Criticality"]),
        related_findings: list(&value["RelatedFindings"], related),
    }
}

/// Collects the members of a JSON object that have a value.
#[derive(Default)]
struct Members(Map<String, Json>);

impl Members {
    fn set(mut self, name: &str, value: Option<Json>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    fn text(self, name: &str, text: &str) -> Self {
        self.set(name, (!text.is_empty()).then(|| json!(text)))
    }

    fn list(self, name: &str, items: Vec<Json>) -> Self {
        self.set(name, (!items.is_empty()).then_some(Json::Array(items)))
    }

    fn texts(self, name: &str, items: &[String]) -> Self {
        self.list(name, items.iter().map(|item| json!(item)).collect())
    }

    fn map(self, name: &str, map: &std::collections::BTreeMap<String, String>) -> Self {
        self.set(name, (!map.is_empty()).then(|| json!(map)))
    }

    fn json(self) -> Json {
        Json::Object(self.0)
    }
}

/// The properties that the typed fields say.
#[expect(clippy::too_many_lines, reason = "one line per field of the message")]
fn typed_json(finding: &wire::Finding) -> Result<Map<String, Json>, InvalidJson> {
    let wire::Finding {
        schema_version,
        id,
        product_arn,
        product_name,
        company_name,
        region,
        generator_id,
        aws_account_id,
        aws_account_name,
        types,
        first_observed_at,
        last_observed_at,
        created_at,
        updated_at,
        processed_at,
        severity,
        confidence,
        criticality,
        title,
        description,
        remediation,
        source_url,
        product_fields,
        user_defined_fields,
        resources,
        compliance,
        verification_state,
        workflow_state,
        workflow,
        record_state,
        related_findings,
        note,
        finding_provider_fields,
        sample,
        long_tail: _,
    } = finding;
    let resources = resources
        .iter()
        .map(|resource| resource_json(resource).map(Json::Object))
        .collect::<Result<Vec<_>, _>>()?;
    let members = Members::default()
        .text("SchemaVersion", schema_version)
        .text("Id", id)
        .text("ProductArn", product_arn)
        .text("ProductName", product_name)
        .text("CompanyName", company_name)
        .text("Region", region)
        .text("GeneratorId", generator_id)
        .text("AwsAccountId", aws_account_id)
        .text("AwsAccountName", aws_account_name)
        .texts("Types", types)
        .text("FirstObservedAt", first_observed_at)
        .text("LastObservedAt", last_observed_at)
        .text("CreatedAt", created_at)
        .text("UpdatedAt", updated_at)
        .text("ProcessedAt", processed_at)
        .set("Severity", severity.as_ref().map(severity_json))
        .set("Confidence", confidence.map(|number| json!(number)))
        .set("Criticality", criticality.map(|number| json!(number)))
        .text("Title", title)
        .text("Description", description)
        .set("Remediation", remediation.as_ref().map(remediation_json))
        .text("SourceUrl", source_url)
        .map("ProductFields", product_fields)
        .map("UserDefinedFields", user_defined_fields)
        .list("Resources", resources)
        .set("Compliance", compliance.as_ref().map(compliance_json))
        .text("VerificationState", verification_state)
        .text("WorkflowState", workflow_state)
        .set("Workflow", workflow.as_ref().map(workflow_json))
        .text("RecordState", record_state)
        .list(
            "RelatedFindings",
            related_findings.iter().map(related_json).collect(),
        )
        .set("Note", note.as_ref().map(note_json))
        .set(
            "FindingProviderFields",
            finding_provider_fields.as_ref().map(provider_fields_json),
        )
        .set("Sample", sample.map(Json::Bool));
    Ok(members.0)
}

fn severity_json(severity: &wire::Severity) -> Json {
    let wire::Severity {
        label,
        normalized,
        original,
        product,
    } = severity;
    Members::default()
        .text("Label", label)
        .set("Normalized", normalized.map(|number| json!(number)))
        .text("Original", original)
        .set("Product", product.map(|number| json!(number)))
        .json()
}

fn remediation_json(remediation: &wire::Remediation) -> Json {
    let wire::Remediation {
        recommendation_text,
        recommendation_url,
    } = remediation;
    let recommendation = Members::default()
        .text("Text", recommendation_text)
        .text("Url", recommendation_url);
    json!({ "Recommendation": recommendation.json() })
}

fn resource_json(resource: &wire::Resource) -> Result<Map<String, Json>, InvalidJson> {
    let wire::Resource {
        r#type,
        id,
        partition,
        region,
        resource_role,
        tags,
        details,
        long_tail,
    } = resource;
    let details = match details.as_ref() {
        b"" => None,
        text => Some(Json::Object(object("details", text)?)),
    };
    let mut members = Members::default()
        .text("Type", r#type)
        .text("Id", id)
        .text("Partition", partition)
        .text("Region", region)
        .text("ResourceRole", resource_role)
        .map("Tags", tags)
        .set("Details", details)
        .0;
    members.extend(object("long_tail", long_tail)?);
    Ok(members)
}

fn compliance_json(compliance: &wire::Compliance) -> Json {
    let wire::Compliance {
        status,
        related_requirements,
        security_control_id,
        associated_standards,
    } = compliance;
    let standards = associated_standards
        .iter()
        .map(|id| json!({ "StandardsId": id }))
        .collect();
    Members::default()
        .text("Status", status)
        .texts("RelatedRequirements", related_requirements)
        .text("SecurityControlId", security_control_id)
        .list("AssociatedStandards", standards)
        .json()
}

fn workflow_json(workflow: &wire::Workflow) -> Json {
    Members::default().text("Status", &workflow.status).json()
}

fn related_json(related: &wire::RelatedFinding) -> Json {
    let wire::RelatedFinding { product_arn, id } = related;
    Members::default()
        .text("ProductArn", product_arn)
        .text("Id", id)
        .json()
}

fn note_json(note: &wire::Note) -> Json {
    let wire::Note {
        text,
        updated_by,
        updated_at,
    } = note;
    Members::default()
        .text("Text", text)
        .text("UpdatedBy", updated_by)
        .text("UpdatedAt", updated_at)
        .json()
}

fn provider_fields_json(fields: &wire::FindingProviderFields) -> Json {
    let wire::FindingProviderFields {
        severity,
        types,
        confidence,
        criticality,
        related_findings,
    } = fields;
    Members::default()
        .set("Severity", severity.as_ref().map(severity_json))
        .texts("Types", types)
        .set("Confidence", confidence.map(|number| json!(number)))
        .set("Criticality", criticality.map(|number| json!(number)))
        .list(
            "RelatedFindings",
            related_findings.iter().map(related_json).collect(),
        )
        .json()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::World;
    use crate::timestamp::Timestamp;

    fn there_and_back(document: &Json) -> Json {
        let typed = from_json(document.to_string().as_bytes()).unwrap();
        serde_json::from_slice(&to_json(&typed).unwrap()).unwrap()
    }

    #[test]
    fn a_usual_finding_is_typed_but_for_its_long_tail() {
        let world = World {
            accounts: 3,
            resources: 10,
            now: Timestamp::from_seconds(1_795_000_000),
        };
        let text = world.finding(7);
        let typed = from_json(text.as_bytes()).unwrap();
        let tail: Json = serde_json::from_slice(&typed.long_tail).unwrap();
        assert_eq!(
            tail.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["x-long-tail"]
        );
        assert_eq!(typed.resources.len(), 1);
        assert!(typed.resources[0].long_tail.is_empty());
    }

    #[test]
    fn what_no_typed_field_can_say_comes_back_too() {
        for document in [
            json!({}),
            json!({ "Id": "", "Title": null, "Types": [], "Confidence": 1.5, "Sample": "yes" }),
            json!({ "Severity": { "Label": "LOW", "Extra": [1] }, "Resources": [5, { "Type": "x", "Tags": { "a": 1 }, "Details": [] }] }),
            json!({ "Severity": "high", "Workflow": {}, "Note": { "Text": "a" }, "Compliance": { "StatusReasons": [] } }),
            json!({ "Normalized": 18_446_744_073_709_551_615_u64, "FindingProviderFields": { "Severity": null } }),
        ] {
            assert_eq!(there_and_back(&document), document);
        }
    }

    #[test]
    fn json_parts_that_are_no_objects_are_refused() {
        let finding = wire::Finding {
            long_tail: Bytes::from_static(b"[]"),
            ..wire::Finding::default()
        };
        assert!(
            to_json(&finding)
                .unwrap_err()
                .to_string()
                .starts_with("long_tail: should be a JSON object")
        );
        assert!(from_json(b"7").is_err());
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(|number| json!(number)),
            "[a-z]{0,3}".prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let name = prop::sample::select(vec![
                "Label",
                "Normalized",
                "Types",
                "Severity",
                "Status",
                "Type",
                "Id",
                "Tags",
                "Details",
                "Text",
                "ProductArn",
                "Recommendation",
                "RelatedFindings",
                "x",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
                prop::collection::btree_map(name.prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_comes_back_equal(
            properties in prop::collection::btree_map(
                prop::sample::select(vec![
                    "Id", "Types", "Severity", "Confidence", "Resources", "Compliance", "Workflow", "Note", "Sample",
                    "RelatedFindings", "FindingProviderFields", "ProductFields", "Remediation", "Other",
                ]).prop_map(str::to_owned),
                any_json(),
                0..8,
            )
        ) {
            let document = Json::Object(properties.into_iter().collect());
            prop_assert_eq!(there_and_back(&document), document);
        }
    }
}
