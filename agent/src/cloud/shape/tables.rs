//! The tables, service by service.

use super::Table;

const NOTHING: Table = Table {
    lists: "",
    items: "",
    maps: "",
    records: "",
    numbers: "",
    flags: "",
    plain: "",
    capital: false,
};

/// The answers that describe VPCs, endpoints, subnets, groups, ACLs, flow logs, volumes, instances, snapshots, addresses
/// and network interfaces, and the settings of a Region.
pub(super) const EC2: Table = Table {
    lists: "addressesSet=Addresses associatedKmsKeySet=AssociatedKmsKeys associatedSubnetSet=AssociatedSubnets
        associationSet=Associations attachmentSet=Attachments blockDeviceMapping=BlockDeviceMappings
        cidrBlockAssociationSet createVolumePermission=CreateVolumePermissions dnsEntrySet=DnsEntries
        elasticGpuAssociationSet=ElasticGpuAssociations
        elasticInferenceAcceleratorAssociationSet=ElasticInferenceAcceleratorAssociations entrySet=Entries
        flowLogSet=FlowLogs groupSet=Groups groups=UserIdGroupPairs instancesSet/groupSet=SecurityGroups
        instancesSet=Instances ipPermissions ipPermissionsEgress ipPrefixSet=IpPrefixes ipRanges ipv4PrefixSet=Ipv4Prefixes
        ipv6AddressesSet=Ipv6Addresses ipv6CidrBlockAssociationSet ipv6PrefixSet=Ipv6Prefixes ipv6Ranges licenseSet=Licenses
        metricCategoryIdSet=MetricCategoryIds networkAclSet=NetworkAcls networkInterfaceIdSet=NetworkInterfaceIds
        networkInterfaceSet=NetworkInterfaces payerResponsibilitySet=PayerResponsibilities prefixListIds
        privateDnsSpecifiedDomainSet=PrivateDnsSpecifiedDomains privateIpAddressSet=PrivateIpAddresses
        privateIpAddressesSet=PrivateIpAddresses productCodes reservationSet=Reservations routeTableIdSet=RouteTableIds
        secondaryInterfaceSet=SecondaryInterfaces securityGroupInfo=SecurityGroups snapshotSet=Snapshots
        subnetIdSet=SubnetIds subnetSet=Subnets tagFieldSpecificationSet=TagFieldSpecifications tagKeySet=TagKeys tagSet=Tags
        networkInterfaceSet/tagSet=TagSet volumeSet=Volumes vpcEndpointSet=VpcEndpoints vpcSet=Vpcs",
    records: "apiGatewayV2 association attachment blockPublicAccessStates capacityReservationSpecification
        capacityReservationTarget cidrBlockState connectionTrackingConfiguration cpuOptions destinationOptions dnsOptions ebs
        egressOnlyInternetGateway elasticFileSystem enaSrdSpecification enaSrdUdpSpecification enclaveOptions
        encryptionControl globalAccelerator hibernationOptions iamInstanceProfile icmpTypeCode internetGateway
        ipv6CidrBlockState lambda lastError maintenanceOptions metadataOptions monitoring natGateway
        networkPerformanceOptions operator placement portRange privateDnsNameOptions privateDnsNameOptionsOnLaunch
        publicIpDnsNameOptions resourceExclusions stateReason virtualPrivateGateway vpcBlockPublicAccessOptions vpcLattice
        vpcPeering",
    numbers: "amiLaunchIndex availableIpAddressCount code completionDurationMinutes coreCount deviceIndex ebsCardIndex
        enaQueueCount enableLniAtDeviceIndex from fromPort fullSnapshotSizeInBytes httpPutResponseHopLimit
        icmpTypeCode/type iops maxAggregationInterval networkCardIndex partitionNumber ruleNumber size tcpEstablishedTimeout
        threadsPerCore throughput to toPort udpStreamTimeout udpTimeout volumeInitializationRate volumeSize",
    flags: "assignIpv6AddressOnCreation configured default=IsDefault defaultForAz deleteOnTermination denyAllIgwTraffic
        ebsEncryptionByDefault ebsOptimized egress enaSrdEnabled enaSrdUdpEnabled enaSupport enableDns64
        enableResourceNameDnsAAAARecord enableResourceNameDnsARecord enabled encrypted fastRestored hiddenByDefault
        hiveCompatiblePartitions ipv6Native isDefault isPrimaryIpv6 managed mapCustomerOwnedIpOnLaunch mapPublicIpOnLaunch
        multiAttachEnabled perHourPartition primary privateDnsEnabled privateDnsOnlyForInboundResolverEndpoint
        requesterManaged sourceDestCheck",
    plain: "groupDescription=Description instanceState=State instancesSet/dnsName=PublicDnsName
        instancesSet/ipAddress=PublicIpAddress instancesSet/reason=StateTransitionReason lastError/code
        productCodes/productCode=ProductCodeId productCodes/type=ProductCodeType snapshotSet/status=State
        snapshotSet/statusMessage=StateMessage stateReason/code volumeSet/status=State attachmentSet/status=State",
    capital: true,
    ..NOTHING
};

pub(super) const IAM: Table = Table {
    lists: "AttachedPolicies Groups Policies PolicyGroups PolicyNames PolicyRoles PolicyUsers Roles
        ServerCertificateMetadataList Tags Users VirtualMFADevices",
    maps: "SummaryMap",
    numbers: "AttachmentCount MaxPasswordAge MaxSessionDuration MinimumPasswordLength PasswordReusePrevention
        PermissionsBoundaryUsageCount TemplateMinorVersion",
    flags: "AllowUsersToChangePassword ExpirePasswords HardExpiry IsAttachable IsDefaultVersion IsTruncated
        RequireLowercaseCharacters RequireNumbers RequireSymbols RequireUppercaseCharacters",
    ..NOTHING
};

pub(super) const RDS: Table = Table {
    lists: "AdditionalStorageVolumes AssociatedRoles AttributeValues AvailabilityZones CustomEndpoints DBClusterMembers
        DBClusterOptionGroupMemberships DBClusterSnapshotAttributes DBClusterSnapshots DBClusters
        DBInstanceAutomatedBackupsReplications DBInstances DBParameterGroups DBSecurityGroups DBSnapshotAttributes
        DBSnapshots DnsIps DomainMemberships EnabledCloudwatchLogsExports LogTypesToDisable LogTypesToEnable
        OptionGroupMemberships ProcessorFeatures ReadReplicaDBClusterIdentifiers ReadReplicaDBInstanceIdentifiers
        ReadReplicaIdentifiers StatusInfos Subnets SupportedNetworkTypes TagList VpcSecurityGroups",
    records: "CertificateDetails LimitlessDatabase MasterUserSecret PendingCloudwatchLogsExports PendingModifiedValues
        RdsCustomClusterConfiguration ScalingConfigurationInfo ServerlessV2ScalingConfiguration SubnetAvailabilityZone
        SubnetOutpost",
    numbers: "AllocatedStorage BacktrackConsumedChangeRecords BacktrackWindow BackupRetentionPeriod Capacity
        DbInstancePort DBClusterSnapshots/PercentProgress DBSnapshots/PercentProgress FullSnapshotSizeInBytes IOPS Iops
        MaxAllocatedStorage MaxCapacity MinCapacity MinRequiredACU MonitoringInterval
        PerformanceInsightsRetentionPeriod Port PromotionTier SecondsBeforeTimeout SecondsUntilAutoPause
        StorageOperationPercentProgress StorageThroughput",
    flags: "ActivityStreamEngineNativeAuditFieldsIncluded AutoMinorVersionUpgrade AutoPause CopyTagsToSnapshot
        CrossAccountClone CustomerOwnedIpEnabled DedicatedLogVolume DeletionProtection Encrypted
        GlobalWriteForwardingRequested HttpEndpointEnabled IAMDatabaseAuthenticationEnabled
        InternetAccessGatewayEnabled IsClusterWriter IsStorageConfigUpgradeAvailable MultiAZ MultiTenant Normal
        PerformanceInsightsEnabled PubliclyAccessible StorageEncrypted VPCNetworkingEnabled",
    ..NOTHING
};

pub(super) const SNS: Table = Table {
    lists: "Subscriptions Topics",
    maps: "Attributes",
    ..NOTHING
};

pub(super) const CLOUDWATCH: Table = Table {
    lists: "AlarmActions CompositeAlarms Dimensions InsufficientDataActions MetricAlarms Metrics OKActions",
    numbers: "ActionsSuppressorExtensionPeriod ActionsSuppressorWaitPeriod DatapointsToAlarm EvaluationPeriods Period
        Threshold",
    flags: "ActionsEnabled ReturnData",
    ..NOTHING
};

/// Buckets, and the settings of a bucket and of the account.
pub(super) const S3: Table = Table {
    lists: "AccessControlList=Grants Buckets TargetGrants",
    items: "And/Tag=Tags CloudFunctionConfiguration=LambdaFunctionConfigurations EncryptionType Event=Events
        FilterRule=FilterRules NoncurrentVersionTransition=NoncurrentVersionTransitions
        QueueConfiguration=QueueConfigurations Rule=Rules TopicConfiguration=TopicConfigurations Transition=Transitions",
    records: "AbortIncompleteMultipartUpload And ApplyServerSideEncryptionByDefault BlockedEncryptionTypes DefaultRetention
        EventBridgeConfiguration Expiration Filter LoggingEnabled NoncurrentVersionExpiration PartitionedPrefix SimplePrefix
        TargetObjectKeyFormat",
    numbers: "Days DaysAfterInitiation NewerNoncurrentVersions NoncurrentDays ObjectSizeGreaterThan ObjectSizeLessThan
        Years",
    flags: "BlockPublicAcls BlockPublicPolicy BucketKeyEnabled ExpiredObjectDeleteMarker IgnorePublicAcls IsPublic
        RestrictPublicBuckets",
    plain: "CloudFunction=LambdaFunctionArn MfaDelete=MFADelete ObjectLockConfiguration/Rule Queue=QueueArn S3Key=Key
        Topic=TopicArn",
    ..NOTHING
};

pub(super) const CLOUDTRAIL_TIMES: &[&str] = &[
    "LatestCloudWatchLogsDeliveryTime",
    "LatestDeliveryTime",
    "LatestDigestDeliveryTime",
    "LatestNotificationTime",
    "StartLoggingTime",
    "StopLoggingTime",
];

pub(super) const CONFIG_TIMES: &[&str] = &["lastStartTime", "lastStatusChangeTime", "lastStopTime"];

pub(super) const EFS_TIMES: &[&str] = &["CreationTime", "Timestamp"];

pub(super) const KMS_TIMES: &[&str] = &[
    "CreationDate",
    "DeletionDate",
    "NextRotationDate",
    "OnDemandRotationStartDate",
    "ValidTo",
];
