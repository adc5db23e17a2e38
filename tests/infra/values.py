"""What single places of the Bicep files must say, as Bicep: where a word more or less opens, loses or silences.

`checks.py` holds what is true of every resource of a kind; this is the rest. A change here is a change of what is
promised, so that it stands twice on purpose.
"""

from __future__ import annotations

from typing import Any

from tests.infra.reading import bare, parse

# Module, then the place (resource or `var`, and the path in it; `if` is its condition, `for` its loop).
VALUES: dict[str, dict[str, str]] = {
    "main.bicep": {
        "var blobOwner": "'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'",  # Storage Blob Data Owner.
        "var address": "siteUrl == '' ? door.outputs.address : siteUrl",
        "network if": "isPrivate",
        "network params.zones": (
            "['privatelink.blob.${environment().suffixes.storage}', 'privatelink.documents.azure.com',"
            " 'privatelink.vaultcore.azure.net']"
        ),
        **{
            f"network params.endpoints.{number}": (
                f"{{ name: '{name}', group: '{group}', zone: '{zone}', resourceId: {module}.outputs.id }}"
            )
            for number, (name, group, zone, module) in enumerate([
                ("host", "blob", "privatelink.blob.${environment().suffixes.storage}", "hostStorage"),
                ("evidence", "blob", "privatelink.blob.${environment().suffixes.storage}", "evidenceStorage"),
                ("audits", "blob", "privatelink.blob.${environment().suffixes.storage}", "auditStorage"),
                ("cosmos", "Sql", "privatelink.documents.azure.com", "cosmos"),
                ("vault", "vault", "privatelink.vaultcore.azure.net", "vault"),
            ])
        },
        "functions params.subnetId": "isPrivate ? network!.outputs.appSubnetId : ''",
        "functions params.frontDoorId": "stage == 'dev' ? '' : door.outputs.frontDoorId",
        "functions params.isZoneRedundant": "isZoneRedundant",
        "functions params.settings.COSMOS_ENDPOINT": "cosmos.outputs.endpoint",
        "functions params.settings.BLOB_ACCOUNT_URL": "evidenceStorage.outputs.blobEndpoint",
        "functions params.settings.AUDIT_ACCOUNT_URL": "auditStorage.outputs.blobEndpoint",
        "functions params.settings.EVIDENCE_CONTAINER": "'evidence'",
        "functions params.settings.AUDIT_CONTAINER": "'audits'",
        "functions params.settings.ANCHOR_CONTAINER": "'anchors'",
        "functions params.settings.SMTP_PORT": "'587'",
        "functions params.settings.SMTP_TLS": "'on'",
        "functions params.settings.FORWARDED_HOPS": "stage == 'dev' ? '1' : '2'",
        "functions params.settings.SITE_URL": "address",
        "functions params.settings.TENANT_ID": "tenantId",
        "functions params.settings.TIMERS_OFF": "timersOff",
        **{f"{module} params.isPrivate": "isPrivate" for module in (
            "hostStorage", "evidenceStorage", "auditStorage", "cosmos", "vault")},
        **{f"{module} params.isLocked": "isLocked" for module in (
            "evidenceStorage", "auditStorage", "cosmos", "vault")},
        **{f"{module} params.sku": "storageSku" for module in ("hostStorage", "evidenceStorage", "auditStorage")},
        "cosmos params.isZoneRedundant": "isZoneRedundant",
        "cosmos params.secondaryLocation": "secondaryLocation",
        "cosmos params.totalThroughputLimit": "totalThroughputLimit",
        "scan params.storageName": "evidenceStorage.outputs.name",
        "scan params.functionAppId": "functions.outputs.id",
        "edge params.apiHostName": "functions.outputs.hostName",
        "edge params.requestsPerMinute": "requestsPerMinute",
        "edge params.domainName": "replace(siteUrl, 'https://', '')",
        "alerts params.address": "address",
        "alerts params.cosmosId": "cosmos.outputs.id",
        "alerts params.insightsId": "monitoring.outputs.insightsId",
        "monitoring params.retentionDays": "logRetentionDays",
        "monitoring params.publisherId": "identity.outputs.principalId",
    },
    "modules/monitoring.bicep": {
        "var metricsPublisher": "'3913510d-42f4-4e42-8a64-420c390055eb'",
        "workspace properties.retentionInDays": "retentionDays",
        "workspace properties.workspaceCapping.dailyQuotaGb": "dailyCapGb",
        "insights properties.WorkspaceResourceId": "workspace.id",
        "publisher scope": "insights",
    },
    "modules/vault.bicep": {
        "var secretsUser": "'4633458b-17de-408a-b874-0445c86b69e6'",  # May read values, and nothing else.
        "vault properties.publicNetworkAccess": "isPrivate ? 'Disabled' : 'Enabled'",
        "vault properties.networkAcls": "{ bypass: 'AzureServices', defaultAction: isPrivate ? 'Deny' : 'Allow' }",
        "vault properties.softDeleteRetentionInDays": "90",
        "lock if": "isLocked",
        "lock properties.level": "'CanNotDelete'",
        "diagnostics properties.logs": "[{ category: 'AuditEvent', enabled: true }]",
    },
    "modules/storage.bicep": {
        "account sku.name": "sku",
        "account properties.publicNetworkAccess": "isPrivate ? 'Disabled' : 'Enabled'",
        "account properties.networkAcls": "{ bypass: 'AzureServices', defaultAction: isPrivate ? 'Deny' : 'Allow' }",
        "blobs properties.isVersioningEnabled": "isVersioned",
        "blobs properties.deleteRetentionPolicy": (
            "softDeleteDays > 0 ? { enabled: true, days: softDeleteDays } : { enabled: false }"
        ),
        "container properties.publicAccess": "'None'",
        "immutability properties.immutabilityPeriodSinceCreationInDays": "each.immutableDays",
        "immutability properties.allowProtectedAppendWrites": "each.mayGrow",
        "accountRole if": "accountRoleId != ''",
        "lock if": "isLocked",
        "lock properties.level": "'CanNotDelete'",
        "diagnostics scope": "blobs",
        "diagnostics properties.logs": (
            "[for category in ['StorageRead', 'StorageWrite', 'StorageDelete']: { category: category, enabled: true }]"
        ),
    },
    "modules/cosmos.bicep": {
        "account properties.publicNetworkAccess": "isPrivate ? 'Disabled' : 'Enabled'",
        "account properties.locations": "secondaryLocation == '' ? primary : concat(primary, secondary)",
        "account properties.enableAutomaticFailover": "secondaryLocation != ''",
        "account properties.capacity.totalThroughputLimit": "isServerless ? -1 : totalThroughputLimit",
        "account properties.consistencyPolicy.defaultConsistencyLevel": "'Session'",
        "account properties.backupPolicy.type": "'Continuous'",
        "account properties.backupPolicy.continuousModeProperties.tier": "'Continuous30Days'",
        "var primary": "[{ locationName: location, failoverPriority: 0, isZoneRedundant: isZoneRedundant }]",
        "container properties.resource.defaultTtl": "each.defaultTtl",
        "container properties.resource.indexingPolicy": "each.indexingPolicy",
        "container properties.resource.partitionKey": "{ paths: [each.partitionKey], kind: 'Hash', version: 2 }",
        "var appendOnly": "['audits', 'reads']",
        "lock if": "isLocked",
        "lock properties.level": "'CanNotDelete'",
        "var categories": (
            "['DataPlaneRequests', 'QueryRuntimeStatistics', 'PartitionKeyRUConsumption', 'ControlPlaneRequests']"
        ),
        "diagnostics properties.logs": "[for category in categories: { category: category, enabled: true }]",
        "diagnostics properties.logAnalyticsDestinationType": "'Dedicated'",
    },
    "modules/network.bicep": {
        "network properties.subnets.0.name": "'app'",
        "network properties.subnets.0.properties.delegations": (
            "[{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]"
        ),
        "network properties.subnets.1.name": "'endpoints'",
        "nsg properties.securityRules.0.properties.access": "'Deny'",
        "nsg properties.securityRules.0.properties.direction": "'Inbound'",
        "nsg properties.securityRules.0.properties.sourceAddressPrefix": "'Internet'",
        "zoneLink properties.virtualNetwork.id": "network.id",
        "endpoint properties.subnet.id": "'${network.id}/subnets/endpoints'",
        "endpoint properties.privateLinkServiceConnections.0.properties": (
            "{ privateLinkServiceId: each.resourceId, groupIds: [each.group] }"
        ),
        "endpoint for": "endpoints",
        "zone for": "zones",
    },
    "modules/functions.bicep": {
        "plan properties.zoneRedundant": "isZoneRedundant",
        "app properties.keyVaultReferenceIdentity": "identityId",
        "app properties.virtualNetworkSubnetId": "subnetId == '' ? null : subnetId",
        "app properties.outboundVnetRouting": "{ allTraffic: subnetId != '' }",
        "app properties.functionAppConfig.runtime.name": "'python'",
        "app properties.functionAppConfig.runtime.version": "'3.13'",
        "app properties.functionAppConfig.deployment.storage.authentication": (
            "{ type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }"
        ),
        "app properties.siteConfig.ipSecurityRestrictionsDefaultAction": "frontDoorId == '' ? 'Allow' : 'Deny'",
        "app properties.siteConfig.ipSecurityRestrictions": (
            "frontDoorId == '' ? [] : ["
            "{ name: 'front-door', action: 'Allow', priority: 100, tag: 'ServiceTag',"
            " ipAddress: 'AzureFrontDoor.Backend', headers: { 'x-azure-fdid': [frontDoorId] } },"
            " { name: 'event-grid', action: 'Allow', priority: 110, tag: 'ServiceTag', ipAddress: 'AzureEventGrid' }]"
        ),
        "app properties.siteConfig.cors": "{ allowedOrigins: corsOrigins, supportCredentials: false }",
        "app properties.siteConfig.scmMinTlsVersion": "'1.2'",
        "app properties.siteConfig.remoteDebuggingEnabled": "false",
        "appSettings properties": "union(platformSettings, settings)",
        "noPasswords for": "['ftp', 'scm']",
        "noPasswords name": "endpoint",
        "noPasswords properties.allow": "false",
    },
    "modules/door.bicep": {
        "diagnostics properties.logs": (
            "[for category in ['FrontDoorAccessLog', 'FrontDoorWebApplicationFirewallLog']:"
            " { category: category, enabled: true }]"
        ),
    },
    "modules/edge.bicep": {
        "var origins": (
            "[{ name: 'api', host: apiHostName, pattern: '/api/*' },"
            " { name: 'web', host: site.properties.defaultHostname, pattern: '/*' }]"
        ),
        "route properties.patternsToMatch": "[origins[i].pattern]",
        "route properties.httpsRedirect": "'Enabled'",
        "route properties.forwardingProtocol": "'HttpsOnly'",
        "origin properties.hostName": "origins[i].host",
        "origin properties.enforceCertificateNameCheck": "true",
        "firewall properties.policySettings": "{ enabledState: 'Enabled', mode: 'Prevention' }",
        "firewall properties.customRules.rules": (
            "[{ name: 'flood', priority: 100, enabledState: 'Enabled', ruleType: 'RateLimitRule',"
            " rateLimitDurationInMinutes: 1, rateLimitThreshold: requestsPerMinute, action: 'Block',"
            " matchConditions: [{ matchVariable: 'RequestUri', operator: 'Contains', matchValue: ['/api/'] }] }]"
        ),
        "protection properties.parameters.type": "'WebApplicationFirewall'",
        "protection properties.parameters.wafPolicy.id": "firewall.id",
        "domain if": "domainName != ''",
        "domain properties": (
            "{ hostName: domainName,"
            " tlsSettings: { certificateType: 'ManagedCertificate', minimumTlsVersion: 'TLS12' } }"
        ),
        "route properties.customDomains": "domainName == '' ? [] : [{ id: domain.id }]",
        "protection properties.parameters.associations.0.domains": (
            "domainName == '' ? [{ id: address.id }] : [{ id: address.id }, { id: domain.id }]"
        ),
        "protection properties.parameters.associations.0.patternsToMatch": "['/*']",
    },
    "modules/scan.bicep": {
        "defender scope": "storage",
        "defender properties.isEnabled": "true",
        "defender properties.malwareScanning.onUpload": "{ isEnabled: true, capGBPerMonth: capGbPerMonth }",
        "defender properties.malwareScanning.scanResultsEventGridTopicResourceId": "results.id",
        "subscription parent": "results",
        "subscription if": "scanFunction != ''",
        "subscription properties.destination.endpointType": "'AzureFunction'",
        "subscription properties.destination.properties.resourceId": "'${functionAppId}/functions/${scanFunction}'",
        "subscription properties.filter.includedEventTypes": "['Microsoft.Security.MalwareScanningResult']",
    },
    "modules/budget.bicep": {
        "budget properties.timeGrain": "'Monthly'",
        "budget properties.amount": "amount",
        "budget properties.notifications.Actual100": (
            "{ enabled: true, operator: 'GreaterThan', threshold: 100, thresholdType: 'Actual', contactEmails: emails }"
        ),
        "budget properties.notifications.Actual80.threshold": "80",
        "budget properties.notifications.Actual80.enabled": "true",
        "budget properties.notifications.Forecast100.thresholdType": "'Forecasted'",
    },
    "modules/alerts.bicep": {
        **{f"{part} properties.enabled": "true" for part in (
            "people", "onCall", "query", "metric", "activity", "alive")},
        "query for": "alerts.queries",
        "query properties.severity": "each.severity",
        "query properties.scopes": "[workspaceId]",
        "query properties.evaluationFrequency": "each.every",
        "query properties.windowSize": "each.window",
        "query properties.criteria.allOf.0.query": "replace(each.query, '{app}', appPrincipalId)",
        "query properties.criteria.allOf.0.timeAggregation": "'Count'",
        "query properties.criteria.allOf.0.operator": "'GreaterThan'",
        "query properties.criteria.allOf.0.threshold": "0",
        "query properties.criteria.allOf.0.failingPeriods": (
            "{ numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }"
        ),
        "query properties.actions": "{ actionGroups: each.severity <= 1 ? [people.id, onCall.id] : [people.id] }",
        "metric for": "alerts.cosmosMetrics",
        "metric properties.scopes": "[cosmosId]",
        "metric properties.criteria.allOf.0": (
            "{ name: each.name, criterionType: 'StaticThresholdCriterion',"
            " metricNamespace: 'Microsoft.DocumentDB/databaseAccounts', metricName: each.metric,"
            " dimensions: each.dimensions, timeAggregation: each.aggregation, operator: each.operator,"
            " threshold: each.threshold }"
        ),
        "metric properties.windowSize": "each.window",
        "activity for": "alerts.activities",
        "activity properties.condition": (
            "{ allOf: [for field in items(each.when): { field: field.key, equals: field.value }] }"
        ),
        "alive properties.severity": "0",
        "alive properties.criteria.webTestId": "outside.id",
        "alive properties.criteria.failedLocationCount": "2",
        "alive properties.actions": "[{ actionGroupId: people.id }, { actionGroupId: onCall.id }]",
        "outside properties.Enabled": "true",
        "outside properties.Request.RequestUrl": "'${address}/api/health/live'",
        "outside properties.ValidationRules.ExpectedHttpStatusCode": "200",
        "workbook properties.serializedData": "loadTextContent('../workbook.json')",
    },
}  # fmt: skip


def stated(expression: str) -> Any:
    """What the parser makes of a value."""
    return parse(f"var x = {expression}\n")["variables"]["x"]["value"]


def found(text: str, place: str) -> Any:
    """What a Bicep file says at a place; None if it has no such place."""
    name, _, path = place.partition(" ")
    read = parse(text)
    if name == "var":
        return read["variables"].get(path, {}).get("value")
    here = (read.get("resources", {}) | read.get("modules", {})).get(name, {}).get("config")
    if path == "if":
        return (here or {}).get("condition")
    if path == "for":
        return (here or {}).get("loop_type", {}).get("detail", {}).get("array_name")
    here = bare(here or {})
    for step in path.split("."):
        if isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict):
            here = here.get(step)
        else:
            return None
    return here


def wrong(files: dict[str, str]) -> list[str]:
    """Every place that does not say what it must."""
    return [
        f"{file}: {place} must be {value}."
        for file, places in VALUES.items()
        for place, value in places.items()
        if found(files[file], place) != stated(value)
    ]
