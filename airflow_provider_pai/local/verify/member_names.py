"""The names of members in the vendor's models; written by ``python -m devtools.answer_names``."""

MEMBER_NAMES = frozenset(
    """
    ACS ACSQuotaId AIMasterDockerImage AIMasterType AcceleratorType AccessKeyId AccessPointId AccessToken
    Accessibility AccessibleRoleIdList AccountName AccountType AclPolicyList ActionType Actions Active
    ActualMinHyperNodeNum ActualMinNodeNum ActualMinQuota ActualMinResources Add AddJobLevelBlacklist
    AddNodeToBlacklist AdditionalInfo Addons AdminNames AdvancedSettings Advices Algorithm AlgorithmDescription
    AlgorithmId AlgorithmName AlgorithmProvider AlgorithmSpec AlgorithmVersion AlgorithmVersions Algorithms
    AliyunEnvRoleKey AliyunUid AllocatableCPU AllocatableCpu AllocatableMemory AllocatableQuota
    AllocateAllRDMADevices AllocateStrategy AllocatedHyperNodeDetails AllocatedHyperNodeNum AllocatedNodeNum
    AllocatedQuota AllowUnschedulableNodes AllowedMaxPriority AllowedMountAccessLevels Amount
    AncestorQuotaWorkloadNum AncestorsAllocatedQuota AntiAffinityHyperNodes AntiAffinityNodeNames AppConfig
    AppSpecName AppType AppVersion ApprovalStatus Arch Args ArtifactUri AssignNodeSpec AssociatedProducts
    AssumeRoleFor AssumeUserInfo Attributes Auth AuthorId AuthoritativeDnsEnabled AutoRenew AutoRenewal
    AutoScalingSpec AutoscalingMetricSpec AuxVSwitchList AvailabilityZone AvailableAgent AvailableNumber
    AvailableQuantity Avg BackendId Behavior BindingPolicy BoundQuotas Branch BufferWaitP50 BuildTime BuildType
    BusinessUserId BuyProductRequestId CPU CPUNodeNumber CPUUsageRate CacheInfos CachePoolSize CacheServiceId
    CacheWorkerNum CacheWorkerSize Caller CallerUid CanBeBoundCount Capabilities CardType Category CategoryName
    Causes CertificateId ChargeType CheckNumber CloneType ClusterID ClusterId ClusterName ClusterType Code
    CodeBranch CodeCommit CodeDir CodeRepo CodeRepoAccessToken CodeRepoUserName CodeSource CodeSourceId CodeSources
    CodeType CollectNs CollectionName Collections Column Columns Command CommandType Comment Commit
    CompletedFileCount CompressionSpec ComputeResource ComputingResourceProvider Conditions Config ConfigId
    ConfigKey ConfigType ConfigValue Configs ConnectionId ConnectionName ConnectionType Connections
    ConsiderInSuccessPolicy Constraints Consumed ContainerInfo Containers Content ContentType ControlPlaneClusterId
    CordonParameters Cost Count Cpu CpuCount CpuJobNames CpuLimit CpuNodeNames CpuRequest CpuUsed CreateTime
    CreatedBy CreatedTime Creator CreatorID CreatorId CredentialConfig CredentialConfigItems CronTab CrossClusters
    Current CurrentAmount CurrentIndex CurrentMetrics CurrentReaon CurrentSpotInstanceType CurrentStatus
    CurrentTimestamp CurrentVersion CustomDomains CustomEnvs Customization DLC DSW Data DataChannel DataCount
    DataJuicerConfig DataPoints DataSize DataSourceId DataSourceType DataSourceVersion DataSources DataType
    DatasetFileMeta DatasetFileMetaId DatasetFileMetas DatasetFileMetasStats DatasetId DatasetJobConfigId
    DatasetJobConfigs DatasetJobId DatasetJobs DatasetTaskRamRole DatasetVersion DatasetVersions Datasets
    DebuggerConfigContent DebuggerConfigId DebuggerJobId DebuggerJobIssue DebuggerJobIssues DebuggerJobStatus
    DebuggerReportURL DefaultDriver DefaultForwardInfo DefaultGPUDriver DefaultPort DefaultRoute DefaultValue
    DefaultVersion Depth Dequeued DescendantQuotaWorkloadNum DescendantsAllocatedQuota Description DesiredAgent
    DesiredMinQuota DestEntityQualifiedName DestinationCIDRs Detail DetailErrorInfoList DetailErrorMsg Details
    Diagnosis DiagnosisList DirectoryName DisableEcsStockCheck DisableSpotProtectionPeriod Disabled DisabledBy
    DiskCapacity DiskPL DiskReadRate DiskWriteRate DisplayName DistillationSpec DlcJobId DockerRegistry Dockerfile
    Domain Done DownloadJobId DownloadUrl DrainParameters Driver Drop Duration EAS EDPMaxParallelism
    EDPMinParallelism EcsCount EcsImageId EcsSpec EcsSpecs EcsType Edition EipAllocationId Elapsed ElasticSpec
    ElasticSpotJobMaxRestartTimes ElasticSpotSpecs ElasticStrategy EmployeeId EmptyNodeNum EnableAIMaster
    EnableAssignNode EnableCPUAffinity EnableCache EnableCredentialInject EnableCrossAccountAccess EnableDLC
    EnableDSW EnableDSWDev EnableEDP EnableElasticTraining EnableErrorMonitoringInAIMaster EnableFreeResource
    EnableGPUShare EnableLogDownloadJob EnableOssAppend EnablePreemptSubquotaWorkloads EnablePreemptibleJob
    EnablePsJobElasticPS EnablePsJobElasticWorker EnablePsResourceEstimate EnableRDMA EnableResourceEstimation
    EnableSanityCheck EnableSelfQuotaPreemption EnableSubQuotaPreemption EnableTideResource Enabled EnabledDebugger
    Encryption EndAt EndTime Endpoint EndpointType Endpoints EniCacheConfig EntityAccessType EntityType Entry Enum
    Env EnvType EnvTypes Environments Envs EriQuantity ErrMsg Error ErrorCode ErrorInfo ErrorMonitoringArgs ErrorMsg
    ErrorSource EstimatedAutoScalingSpec EstimatedPodCount EstimatedResourceConfig EtaSec EvaluationSpec EventId
    EventType Events ExceedResources ExcludeDates ExcludeNodes ExclusiveMaximum ExclusiveMinimum Exec ExecuteOnce
    ExecutionMode Executor Exits ExperimentConfig ExperimentId ExperimentName Experiments ExpiredTime ExpiresAt
    Extended ExtendedCIDRs ExtendedCidrs ExternalClusterId ExternalIP ExternalInstancePort Extra ExtraData ExtraInfo
    ExtraInfos ExtraPodSpec ExtraPorts FailedDetails FailedFileCount Features FileCreateTime FileDir FileFingerPrint
    FileName FileSystemId FileType FileUpdateTime FillRatePerMin FinishTime Finished FinishedAt Force FormatType
    Framework FrameworkContent FrameworkType FreeResourceClusterControlId FreeResourceId From FromIdx
    FullSummaryPath Function GCLevel GPU GPUAmount GPUCount GPUDetails GPUIndexes GPUMemory GPUMemoryBytes
    GPUMetrics GPUNodeNumber GPUType GPUTypeFullName GPUUsageRate GapSec Gateway GatewayId GatewayName Gateways
    GlobalStep GmtActivatedTime GmtCreateTime GmtCreated GmtCreatedTime GmtDequeuedTime GmtEndTime GmtEnqueuedTime
    GmtExpired GmtExpiredTime GmtFailedTime GmtFinishTime GmtLatestVersionModifiedTime GmtModified GmtModifiedTime
    GmtModifyTime GmtPositionModifiedTime GmtRunningTime GmtStartTime GmtStarted GmtStartedTime GmtStoppedTime
    GmtSubmittedTime GmtSucceedTime GmtSuccessedTime Gpu GpuCardType GpuCount GpuGUSpec GpuJobNames GpuLimit
    GpuMemory GpuNodeNames GpuRequest GpuType GpuTypeAlias GpuUsed GroupName Groups HasPermissionToPurchase
    HistoryPods HostIP HostId HostName HyperNodeDetails HyperNodeName HyperNodeNum HyperNodeSchedulingConfig
    HyperNodes HyperParameters HyperType HyperZone HyperZones Id IdleNum IdleResources IdleSec Image ImageAvailable
    ImageBuildId ImageBuildJobId ImageConfig ImageId ImageProviderType ImageTag ImageUri ImageUrl ImageUrlVpc Images
    ImportInfo IncludeNodes Index InferenceSpec Inflight InitContainers InnerIP InputChannels InputUri InstanceCount
    InstanceCpuCount InstanceGpuCount InstanceGpuMemory InstanceId InstanceIds InstanceIp InstanceJobId
    InstanceMemory InstanceMetas InstanceMetrics InstanceName InstancePort InstanceProperties InstanceSpec
    InstanceStatus InstanceSystemDiskSize InstanceTenantIp InstanceType InstanceUsedCpu InstanceUsedGpu
    InstanceUsedGpuMemory InstanceUsedMemory Instances InterfaceName InternetAclPolicyList InternetDomain
    InternetEnabled InternetEndpoint InternetEndpoints InternetStatus IntranetDomain IntranetEndpoint
    IntranetEndpoints IntranetLinkedVpcList IntranetVpcAclPolicyList Ip Ipc IsAvailable IsBound IsCheif IsChief
    IsDefault IsDeleted IsEnabled IsEncryptedResource IsGuaranteedValid IsOpen IsOverSoldValid IsPause IsPurchased
    IsScheduled IsSecureMode IsSharded IsShared IsSharedMountPath IsSpot IsTempAlgo IsTruncated Isolated JobAction
    JobDebuggerIssueId JobDisplayName JobId JobMaxRunningTimeMinutes JobMode JobReplicaStatuses JobReservedMinutes
    JobReservedPolicy JobRestartCount JobSpec JobSpecs JobTemplates JobType JobUserId Jobs Key Label LabelKey
    LabelValue Labels LastProbeTime LastReason LastState LastStatus LastTimestamp LastTsMs LastUsedTime LatestDetail
    LatestMetrics LatestOperationId LatestProgress LatestRun LatestStage LatestStatus LatestTimestampMs
    LatestVersion Lifecycle Limit LimitCPU LimitGPU LimitMemory Limits LineageRelation LocalMountSpecs LocalPath
    LocalhostProfile LocationType LocationValue LogCount LogStore Logs MachineGroupID MachineGroupId MachineGroups
    MachineModel MainContainer MainContainerSecurityContext Marker Max MaxLength MaxModelLength MaxParallelism
    MaxQuota MaxReplica MaxReplicas MaxResults MaxRunningTimeInMinutes MaxRunningTimeInSeconds MaxRunningTimeMinutes
    MaxRuntimeMinutes Maximum MemberId MemberName MemberType Members Memory MemoryLimit MemoryRquest MemoryUsageRate
    MemoryUsed MemoryUtil Message MessageContent MessageEvent MessageVersion MetaAttributes Metadata
    MetricDefinitions MetricName MetricType Metrics Micro Milestone Min MinAvailable MinLength MinParallelism
    MinReplica MinReplicas MiniIdx Minimum Mode Model ModelConfig ModelDescription ModelDoc ModelId ModelName
    ModelTemplate ModelType Models ModifiedBy ModifyTime ModuleName ModulePermissions MountAccess
    MountAccessReadWriteRoleIdList MountMode MountPath MountPoint NSamples NTrajs NTurns Name Namespace NatGatewayId
    NetworkInputRate NetworkMode NetworkOutputRate NetworkPodId NetworkType NewDiskSize NextPageToken NextToken Node
    NodeCount NodeGPUMemory NodeGPUMemoryBytes NodeID NodeId NodeMatchLabels NodeName NodeNames NodeNum NodePodInfos
    NodeSpecCount NodeSpecs NodeStatistics NodeStatus NodeTolerations NodeType NodeTypes Nodes NodesMetrics
    NonProtectSpotDiscount NumMinibatches ObjectId ObjectType OccurPhase OccurTime OnPhase OpenUrl
    OperationDescription OperationId OperationSpecJson OperationType Operator Optional Options OrderID OrderId
    OrderInstanceId OrderNumber OrderStatus OrderType Origin OriginalAmount OutQueue OutputChannelName
    OutputChannels OutputModel OutputModels OutputUri OverallProgress OversoldType OversoldUsageConfig Owner OwnerId
    OwnerUid P50 P90 P99 PAIResourceID PSMaxParallelism PSMinParallelism PaceSec PageNum PageNumber PageSize
    ParameterSize Params ParentQuotaId ParentUid ParentUserId Password Path PathType Pattern PayType PaymentDuration
    PaymentDurationUnit PaymentType PaymentTypes Pct PeerVpcList PeerVpcs PendingInstance PerformanceLevel Period
    PermissionCode PermissionCodes PermissionRules PermissionType Permissions Phase PipelineId PlannedCpu
    PlannedMemory Pod PodAnnotations PodCount PodFromSubProducts PodIP PodId PodIds PodIp PodIps PodLabels
    PodMetrics PodName PodNames PodNamespace PodNum PodUid PodUids Pods PodsToDelete Policy Port Position
    PostPaidInstanceCount PostStart PpoMiniBatchSize PrePaidInstanceCount PreStop PreemptedPriorities
    PreemptedPriorityUpperBound PreemptedProducts PreemptorPriorities PricingCycle Priority Privileged Processed
    ProdEndMs ProdStartMs Product ProductCode ProductId ProductIds ProductType Products Progress ProgressDefinitions
    ProjectName PromptId PromptName PromptUid Prompts Properties Property Provider ProviderType PurchaseUrl
    PythonRequirements QualifiedName QualityPolicy QueueMetas QueueService QueueStrategy Queuing Quota QuotaCluster
    QuotaConfig QuotaDetails QuotaId QuotaName QuotaType QuotaUserUsage QuotaUserUsages Quotas Range Rank RatePerMin
    Ratio RawMessage RayHistoryServerId RayHistoryServerUrl RayHistoryServers Ready ReadyProcesses Reason ReasonCode
    ReasonMessage Recommend Regex Region RegionID RegionId RegionName Regions RegistryAuths RelationshipGuid
    RelationshipType RemainingTime Replicas ReportUrl RequestCPU RequestGPU RequestID RequestId RequestMemory
    RequestedQuota Requests Required ResizeDiskParameters Resource ResourceAlias ResourceConfig ResourceGroupID
    ResourceGroupId ResourceGroupIds ResourceGroupName ResourceGroups ResourceId ResourceIds ResourceLevel
    ResourceLimit ResourceLimits ResourceMeta ResourceName ResourceQuotaName ResourceRequirements ResourceSpec
    ResourceSpecs ResourceType Resources RestartCount RestartDurationInSec RestartFailReason RestartLevelType
    RestartPolicy RestartRecord RestartStatus RestartTimes RestartType Result RetryCount Rewarded Rid Role RoleArn
    RoleAttrs RoleChain RoleId RoleName RoleSystemEnvs RoleType Roles RolloutN RolloutP50 RolloutSec RuleName Rules
    RunAsGroup RunAsUser RunId Running RunningInstance Runs SSLRedirectionEnabled SafetyLock SampleIndex Sampled
    SandboxCacheConfig SanityCheckArgs SanityCheckResult SanityCheckResults ScaleJobs ScaleStrategies
    ScalingStrategy SchedulableResources Schedule ScheduledResource Scheduler Scheduling SchedulingStrategy Scope
    Score Sec SeccompProfile SecondaryInternetEndpoint SecondaryIntranetEndpoint Secrets SecurityContext
    SecurityGroupId SecurityToken SelfAllocatedQuota SelfQuotaPreemptionConfig SelfQuotaWorkloadNum
    SelfSubmittedQuota SemanticIndexJobId SemanticIndexUpdateTime ServiceCode ServiceConfig ServiceCount
    ServiceGroup ServiceId ServiceMode ServiceName ServiceRunnable ServiceSpec ServiceUid Services Settings SharedAt
    SharedFrom SharedMemory SharedTo SharedVolumeMountPaths SharingConfig Shell ShouldIgnoreResourceCheck
    SideCarContainers SidecarContainers Signal SignalId Signals SignedUrl Size Slowest SmartCacheId Source
    SourceDatasetId SourceDatasetVersion SourceId SourceJobId SourceTenantId SourceType SourceWorkspaceId Spec
    SpecName Specs SpotDiscount SpotDiscountLimit SpotDiscounts SpotPriceHistory SpotPriceLimit SpotSpec
    SpotStockStatus SpotStrategy SrcEntityQualifiedName StabilizationWindowSeconds Stage Stages StartAt StartTime
    StartedAt StartupDependencies State StatePresent Statistics Status StatusHistory StatusTransitions Step StepDone
    StockStatus StoragePath SubNodes SubQuotaPreemptionConfig SubQuotas SubStatus Submitted SubsecNs SucceedDetails
    Success Summary SummaryPath SummaryRelativePath SupportGPUDrivers SupportGPUShare SupportRDMA SupportReasoning
    SupportResponseSchema SupportSetNetworkCardIndex SupportVision SupportedChannelTypes SupportedClientQuotaIds
    SupportedDrivers SupportedGPUDrivers SupportedInstanceTypes SupportsDistributedTraining SwitchId Sync SystemDisk
    SystemEnvs SystemReservedCPU SystemReservedCpu SystemReservedMemory SystemReservedQuota SystemReservedResources
    TFwdStartMs TOptEndMs TRolloutEndMs TRolloutStartMs TTrainEndMs TTrainStartMs TUpdateMs Tag TagKey TagResources
    TagTemplateType TagUpdateTime TagValue Tags Target TargetSize TargetValue Task TaskId TaskIdMap TaskInstanceId
    TaskName Tasks TemplateId TemplateName TenantHostIP TenantId TenantInstanceIP TensorboardDataSources
    TensorboardId TensorboardLogUri TensorboardSharedUrl TensorboardSpec TensorboardUrl Tensorboards TerminalState
    TerminationGracePeriodSeconds ThirdpartyLibDir ThirdpartyLibs ThumbnailUrl Time Timestamp TimestampMs To Token
    TokenizerPid Tolerance ToolCall Total TotalCPU TotalCount TotalFileCount TotalGPU TotalInstance TotalMemory
    TotalNodeNum TotalPageNum TotalProcesses TotalQuota TotalResources TotalSteps TotalTasks TotalTideQuota
    TraceCount TrafficMode TrafficState TrainBatchSize TrainSec Trained Training TrainingJobDescription
    TrainingJobId TrainingJobName TrainingJobUrl TrainingJobs TrainingSpec Trajs TrialId TriggerID TriggerRestart
    TriggerTenantId TriggerTime TriggerUserId TriggeredBy Type Types Uids UncordonParameters UpdateTime Uri
    UrlExpireTime UsageRate UseCase UseOversoldResource UseSpotInstance Used UsedMemory UsedQuota UsedTideQuota
    UsefulSec UserCommand UserIDs UserId UserKp UserMetrics UserMetricsEndpoints UserName UserNumber UserScript
    UserVpc Username Users VSwitchId Value Values Vendor Version VersionCreated VersionDescription VersionName
    Versions VirtualResourceId VirtualResourceName VirtualResources Visible VpcId WebTerminalId WebTerminalUrl
    Weight WorkerPid WorkingDir WorkloadCount WorkloadCreatedTime WorkloadDetails WorkloadId WorkloadIds
    WorkloadName WorkloadNum WorkloadStatus WorkloadType WorkloadTypes Workloads WorkspaceAdmins WorkspaceID
    WorkspaceId WorkspaceName Workspaces Zone ZoneId Zones active allowCrossHpnZone availableCount availableQuantity
    clusterId count crsReservationId description effect effectiveAt expireTime gcLevel gmtCreated gmtModified
    hpnZone id instanceType internalInfo jobName key lastReconcileAttemptTime lastSyncTime lockProvider lockedCount
    match_name_exactly maxDiscount message metricName metricsEnabled name onZero operation operator paymentType
    phase privatePoolId replicas requestCPU requestGPU requestGPUInfos requestId requestMemory requestedCount
    resourceGroupId scaleDown scaleDownGracePeriodSeconds scaleUp scaleUpActivationReplicas service spotDiscount
    stabilizationWindowSeconds status stockStatus supportedProfilingTypes tenantId threshold totalCPU totalGPU
    totalGPUInfos totalMemory totalQuantity type url usedCount value zoneId
    """.split()  # noqa: SIM905 - a list would be four times as long
)
