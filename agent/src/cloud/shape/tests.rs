use serde_json::json;

use super::*;

fn read(service: Service, text: &str) -> Json {
    json(service, Element::parse(text.as_bytes()).unwrap())
}

#[test]
fn a_security_group_looks_as_documented() {
    let read = read(
        Service::Ec2,
        "<DescribeSecurityGroupsResponse xmlns='x'><requestId>r</requestId><securityGroupInfo><item>
           <ownerId>000011112222</ownerId><groupId>sg-1</groupId><groupName>web</groupName>
           <groupDescription>true</groupDescription>
           <ipPermissions><item><ipProtocol>-1</ipProtocol><groups><item><groupId>sg-2</groupId></item></groups>
             <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges/><prefixListIds/></item>
             <item><ipProtocol>6</ipProtocol><fromPort>22</fromPort><toPort>22</toPort></item></ipPermissions>
           <ipPermissionsEgress/><tagSet><item><key>n</key><value>5</value></item></tagSet>
         </item></securityGroupInfo></DescribeSecurityGroupsResponse>",
    );
    assert_eq!(
        read["SecurityGroups"],
        json!([{
            "OwnerId": "000011112222", "GroupId": "sg-1", "GroupName": "web", "Description": "true",
            "IpPermissions": [
                { "IpProtocol": "-1", "UserIdGroupPairs": [{ "GroupId": "sg-2" }],
                  "IpRanges": [{ "CidrIp": "0.0.0.0/0" }], "Ipv6Ranges": [], "PrefixListIds": [] },
                { "IpProtocol": "6", "FromPort": 22, "ToPort": 22 },
            ],
            "IpPermissionsEgress": [], "Tags": [{ "Key": "n", "Value": "5" }],
        }])
    );
}

#[test]
fn a_name_means_what_its_place_says() {
    let read = read(
        Service::Ec2,
        "<R><reservationSet><item><groupSet/><instancesSet><item>
           <instanceState><code>80</code><name>stopped</name></instanceState><dnsName>d</dnsName><reason>User</reason>
           <ipAddress>1.2.3.4</ipAddress><hibernationOptions/><stateReason><code>12</code></stateReason>
           <groupSet><item><groupId>sg-1</groupId></item></groupSet>
           <networkInterfaceSet><item><groupSet/><sourceDestCheck>true</sourceDestCheck><novelThing>1</novelThing></item></networkInterfaceSet>
         </item></instancesSet></item></reservationSet></R>",
    );
    assert_eq!(
        read["Reservations"][0],
        json!({ "Groups": [], "Instances": [{
            "State": { "Code": 80, "Name": "stopped" }, "PublicDnsName": "d", "StateTransitionReason": "User",
            "PublicIpAddress": "1.2.3.4", "HibernationOptions": {}, "StateReason": { "Code": "12" }, "SecurityGroups": [{ "GroupId": "sg-1" }],
            "NetworkInterfaces": [{ "Groups": [], "SourceDestCheck": true, "NovelThing": "1" }],
        }] })
    );
}

#[test]
fn iam_has_maps_and_lists() {
    let read = read(
        Service::Iam,
        "<R><SummaryMap><entry><key>Users</key><value>3</value></entry></SummaryMap>
           <PolicyNames><member>a</member></PolicyNames><Users/><IsTruncated>false</IsTruncated></R>",
    );
    assert_eq!(
        read,
        json!({ "SummaryMap": { "Users": 3 }, "PolicyNames": ["a"], "Users": [], "IsTruncated": false })
    );
}

#[test]
fn a_bucket_has_rules_and_grants() {
    let acl = read(
        Service::S3,
        "<AccessControlPolicy xmlns:xsi='x'><Owner><ID>o</ID></Owner><AccessControlList><Grant>
           <Grantee xsi:type='Group'><URI>u</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>",
    );
    assert_eq!(
        acl,
        json!({ "Owner": { "ID": "o" },
            "Grants": [{ "Grantee": { "Type": "Group", "URI": "u" }, "Permission": "READ" }] })
    );
    let lifecycle = read(
        Service::S3,
        "<LifecycleConfiguration><Rule><ID>1</ID><Filter><And><Tag><Key>a</Key><Value>1</Value></Tag></And></Filter>
           <Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>",
    );
    assert_eq!(
        lifecycle,
        json!({ "Rules": [{ "ID": "1", "Expiration": { "Days": 3 },
            "Filter": { "And": { "Tags": [{ "Key": "a", "Value": "1" }] } } }] })
    );
    let lock = "<ObjectLockConfiguration><Rule><DefaultRetention><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
    assert_eq!(
        read(Service::S3, lock),
        json!({ "Rule": { "DefaultRetention": { "Days": 1 } } })
    );
    assert_eq!(read(Service::S3, "<VersioningConfiguration/>"), json!({}));
}

#[test]
fn a_cluster_has_fractions() {
    let read = read(
        Service::Rds,
        "<R><DBClusters><DBCluster><AvailabilityZones><AvailabilityZone>a</AvailabilityZone></AvailabilityZones>
           <MultiAZ>false</MultiAZ><ServerlessV2ScalingConfiguration><MinCapacity>0.5</MinCapacity></ServerlessV2ScalingConfiguration>
           <Port>3306</Port></DBCluster></DBClusters></R>",
    );
    assert_eq!(
        read["DBClusters"],
        json!([{ "AvailabilityZones": ["a"], "MultiAZ": false, "Port": 3306,
            "ServerlessV2ScalingConfiguration": { "MinCapacity": 0.5 } }])
    );
}

#[test]
fn times_of_json_services_become_text() {
    let mut key = json!({ "KeyMetadata": { "CreationDate": 1_767_225_600.25, "Other": 5 } });
    dated(Service::Kms, &mut key);
    assert_eq!(
        key,
        json!({ "KeyMetadata": { "CreationDate": "2026-01-01T00:00:00.250Z", "Other": 5 } })
    );
}
