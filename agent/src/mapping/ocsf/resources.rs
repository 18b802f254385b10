//! `Resources`. Types come as ASFF has them (Prowler) or as CloudFormation does (Security Hub V2).

use super::super::Place;
use super::super::native::Native;
use super::super::resource::{Resource, instance_arn};

pub(super) fn resource(resource: Native<'_>, place: &Place) -> Option<Resource> {
    const TOLD: [&str; 7] = [
        "cloud_partition",
        "data",
        "labels",
        "region",
        "tags",
        "type",
        "uid",
    ];
    let uid = resource.text("uid").or_else(|| resource.text("name"))?;
    let kind = kind(resource.text("type"));
    let region = resource.text("region");
    let id = match kind.as_str() {
        "AwsAccount" if !uid.contains(':') => format!("AWS::::Account:{uid}"),
        "AwsEc2Instance" if uid.starts_with("i-") => instance_arn(place, region, uid),
        "AwsS3Bucket" if !uid.contains(':') => format!("arn:{}:s3:::{uid}", place.partition),
        _ => uid.to_owned(),
    };
    let mut mapped = Resource::new(&kind, &id).region(region);
    for (key, value) in tags(resource) {
        mapped.tag(key, value);
    }
    let mapped = mapped.rest(resource, &TOLD);
    Some(mapped.part("data", resource.at("data"), &[]))
}

/// Tags are names and values; Prowler's labels are both in one text.
fn tags(resource: Native<'_>) -> Vec<(&str, &str)> {
    let tags = resource.items("tags").filter_map(|tag| {
        let name = tag.text("name").or_else(|| tag.text("key"))?;
        Some((name, tag.text("value").unwrap_or_default()))
    });
    let labels = resource.texts("labels").into_iter();
    let labels = labels.map(|label| label.split_once([':', '=']).unwrap_or((label, "")));
    tags.chain(labels)
        .filter(|(name, _)| !name.trim().is_empty())
        .collect()
}

/// ASFF's name of a type.
fn kind(native: Option<&str>) -> String {
    match native {
        None => "Other".to_owned(),
        Some("AWS::Container::Container") => "Container".to_owned(),
        Some(native) => match native.strip_prefix("AWS::") {
            Some(name) => name.split("::").fold("Aws".to_owned(), |mut kind, part| {
                kind.push_str(&camel_case(part));
                kind
            }),
            None => native.to_owned(),
        },
    }
}

/// `DBInstance` is `DbInstance`, `EC2` is `Ec2`: of capitals in a row only the first stays, and the last if a word
/// begins with it.
fn camel_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
    let upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
    let inside = |at: usize| at > 0 && upper(at - 1) && !lower(at + 1);
    let cased = letters.iter().enumerate().map(|(at, letter)| {
        if inside(at) {
            letter.to_ascii_lowercase()
        } else {
            *letter
        }
    });
    cased.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_cloudformation_get_the_names_of_asff() {
        for (native, asff) in [
            ("AWS::EC2::Instance", "AwsEc2Instance"),
            ("AWS::EC2::VPC", "AwsEc2Vpc"),
            ("AWS::RDS::DBInstance", "AwsRdsDbInstance"),
            ("AWS::DynamoDB::Table", "AwsDynamoDbTable"),
            ("AWS::IAM::AccessKey", "AwsIamAccessKey"),
            ("AWS::S3::Bucket", "AwsS3Bucket"),
            ("AWS::ECR::ContainerImage", "AwsEcrContainerImage"),
            ("AWS::::Account", "AwsAccount"),
            ("AWS::Container::Container", "Container"),
            ("AwsIamRole", "AwsIamRole"),
        ] {
            assert_eq!(kind(Some(native)), asff);
        }
        assert_eq!(kind(None), "Other");
    }
}
