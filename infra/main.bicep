metadata description = 'One environment of Pledge: a resource group and everything in it.'

targetScope = 'subscription'

@minLength(2)
@maxLength(12)
@description('Name of the environment, as azd knows it. Part of every name.')
param environmentName string

@allowed(['dev', 'test', 'prod'])
param stage string
param location string

@description('Region to fail over to, another than `location`. Empty: none.')
param secondaryLocation string

@description('Region of the app, its own storage and its network, while `location` is lost (runbook, *Fail over*). Empty: `location`.')
param appLocation string

@description('Where the static pages are kept; not every region offers that.')
param webLocation string

@description('True: stores can be reached through private endpoints only.')
param isPrivate bool

@description('Id of a network of the organisation, with its VPN or jump host, from which private stores are reached. Empty: from nowhere.')
param peeredNetworkId string
param isZoneRedundant bool
param isLocked bool
param isServerless bool
param storageSku string
param casesMaxThroughput int
param totalThroughputLimit int
param instancesMax int
param alwaysReadyHttp int
param requestsPerMinute int
param logRetentionDays int
param logDailyCapGb int
param evidenceSoftDeleteDays int
param auditImmutableDays int

@description('True once the retention of audits has been locked (runbook): it is left as it is from then on.')
param isAuditLocked bool
param scanCapGbPerMonth int

@description('Empty at the first deployment; then the function that takes results of the malware scan.')
param scanFunction string
param budgetAmount int

@minLength(10)
@description('First day of the month in which the environment was first deployed; it never changes after.')
param budgetStart string
param alertEmails array

@description('Who is called and texted for what cannot wait: country code, a blank, the number.')
param wakePhones array

@description('Whose Azure app rings for what cannot wait.')
param wakeAccounts array

@description('Where the repository is to be read, without a slash at its end.')
param repositoryUrl string
param corsOrigins array

@description('Own address of the service (https://apply.school.example), which the front door then serves. Empty: the front door\'s own.')
param siteUrl string
param tenantId string = tenant().tenantId
param apiAudience string

@description('Client ids of the applications whose tokens the API takes, with commas.')
param apiClientIds string
param smtpHost string
param smtpUsername string
param mailFrom string

@description('Timers that are switched off, with commas: the kill switch for each sweep.')
param timersOff string

var tags = { 'azd-env-name': environmentName, workload: 'pledge', stage: stage }
var token = take(uniqueString(subscription().id, environmentName, location), 8)
var name = 'pledge-${environmentName}-${token}'
var plain = 'pl${replace(environmentName, '-', '')}${token}'
// An app elsewhere gets names of its own: one that the lost region still holds cannot be moved.
var appRegion = appLocation == '' ? location : appLocation
var appName = appRegion == location ? name : '${name}-2'
var hostPlain = appRegion == location ? plain : 'p2${replace(environmentName, '-', '')}${token}'
var blobOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
var packageContainer = 'app-package'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-pledge-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: 'id-${name}', location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyCapGb: logDailyCapGb
    publisherId: identity.outputs.principalId
  }
}

// The host's own: leases of timers, the package. Nothing of it is worth restoring; it is deployed anew.
module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: take('${hostPlain}host', 24)
    location: appRegion
    tags: tags
    sku: storageSku
    containers: [{ name: packageContainer, dataActions: [], immutableDays: 0, mayGrow: false }]
    accountRoleId: blobOwner
    softDeleteDays: 7
    isVersioned: false
    coolAfterDays: 0
    principalId: identity.outputs.principalId
    isPrivate: isPrivate
    isLocked: false
    isRetentionLocked: false
    workspaceId: monitoring.outputs.workspaceId
  }
}

// Evidence must be erasable: no immutability, no versions. `write` is for metadata: a file that is sent again is renewed.
module evidenceStorage 'modules/storage.bicep' = {
  name: 'evidence-storage'
  scope: group
  params: {
    name: take('${plain}evd', 24)
    location: location
    tags: tags
    sku: storageSku
    containers: [
      { name: 'evidence', dataActions: ['${blobs}/read', '${blobs}/add/action', '${blobs}/write', '${blobs}/delete'], immutableDays: 0, mayGrow: false }
    ]
    accountRoleId: ''
    softDeleteDays: evidenceSoftDeleteDays
    isVersioned: false
    coolAfterDays: 0
    principalId: identity.outputs.principalId
    isPrivate: isPrivate
    isLocked: isLocked
    isRetentionLocked: false
    workspaceId: monitoring.outputs.workspaceId
  }
}

// Audits must not be erasable: an account of its own, whose every container is immutable and can only be added to.
module auditStorage 'modules/storage.bicep' = {
  name: 'audit-storage'
  scope: group
  params: {
    name: take('${plain}aud', 24)
    location: location
    tags: tags
    sku: storageSku
    containers: [
      { name: 'audits', dataActions: ['${blobs}/read', '${blobs}/add/action'], immutableDays: auditImmutableDays, mayGrow: false }
      { name: 'anchors', dataActions: ['${blobs}/read', '${blobs}/add/action'], immutableDays: auditImmutableDays, mayGrow: true }
    ]
    accountRoleId: ''
    softDeleteDays: 30
    isVersioned: true
    coolAfterDays: 30
    principalId: identity.outputs.principalId
    isPrivate: isPrivate
    isLocked: isLocked
    isRetentionLocked: isAuditLocked
    workspaceId: monitoring.outputs.workspaceId
  }
}

module cosmos 'modules/cosmos.bicep' = {
  name: 'cosmos'
  scope: group
  params: {
    name: 'cosmos-${name}'
    location: location
    tags: tags
    databaseName: 'pledge'
    secondaryLocation: secondaryLocation
    isServerless: isServerless
    casesMaxThroughput: casesMaxThroughput
    totalThroughputLimit: totalThroughputLimit
    isZoneRedundant: isZoneRedundant
    isPrivate: isPrivate
    isLocked: isLocked
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: take('kv-${plain}', 24)
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    isPrivate: isPrivate
    isLocked: isLocked
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (isPrivate) {
  name: 'network'
  scope: group
  params: {
    name: appName
    location: appRegion
    tags: tags
    range: appRegion == location ? '10.20.0' : '10.20.1'
    peeredNetworkId: peeredNetworkId
    zones: ['privatelink.blob.${environment().suffixes.storage}', 'privatelink.documents.azure.com', 'privatelink.vaultcore.azure.net']
    endpoints: [
      { name: 'host', group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}', resourceId: hostStorage.outputs.id }
      { name: 'evidence', group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}', resourceId: evidenceStorage.outputs.id }
      { name: 'audits', group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}', resourceId: auditStorage.outputs.id }
      { name: 'cosmos', group: 'Sql', zone: 'privatelink.documents.azure.com', resourceId: cosmos.outputs.id }
      { name: 'vault', group: 'vault', zone: 'privatelink.vaultcore.azure.net', resourceId: vault.outputs.id }
    ]
  }
}

module door 'modules/door.bicep' = {
  name: 'door'
  scope: group
  params: { name: name, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

var secret = '@Microsoft.KeyVault(VaultName=${vault.outputs.name};SecretName='
var address = siteUrl == '' ? door.outputs.address : siteUrl

module functions 'modules/functions.bicep' = {
  name: 'functions'
  scope: group
  params: {
    name: 'func-${appName}'
    location: appRegion
    tags: tags
    identityId: identity.outputs.id
    clientId: identity.outputs.clientId
    hostStorageName: hostStorage.outputs.name
    packageContainerUrl: '${hostStorage.outputs.blobEndpoint}${packageContainer}'
    insightsConnectionString: monitoring.outputs.connectionString
    corsOrigins: corsOrigins
    subnetId: isPrivate ? network!.outputs.appSubnetId : ''
    instanceMemoryMb: 2048
    instancesMax: instancesMax
    alwaysReadyHttp: alwaysReadyHttp
    perInstanceConcurrency: 16
    isZoneRedundant: isZoneRedundant
    workspaceId: monitoring.outputs.workspaceId
    frontDoorId: stage == 'dev' ? '' : door.outputs.frontDoorId
    settings: {
      COSMOS_ENDPOINT: cosmos.outputs.endpoint
      COSMOS_DATABASE: 'pledge'
      STORE_READ_TIMEOUT_SECONDS: '10'
      OUTSIDE_TIMEOUT_SECONDS: '10'
      BLOB_ACCOUNT_URL: evidenceStorage.outputs.blobEndpoint
      EVIDENCE_CONTAINER: 'evidence'
      AUDIT_ACCOUNT_URL: auditStorage.outputs.blobEndpoint
      AUDIT_CONTAINER: 'audits'
      ANCHOR_CONTAINER: 'anchors'
      SMTP_HOST: smtpHost
      SMTP_PORT: '587'
      SMTP_TLS: 'on'
      SMTP_USERNAME: smtpUsername
      SMTP_PASSWORD: '${secret}smtp-password)'
      MAIL_FROM: mailFrom
      SITE_URL: address
      TENANT_ID: tenantId
      API_AUDIENCE: apiAudience
      API_CLIENT_IDS: apiClientIds
      ADDRESS_KEY: '${secret}address-key)'
      PAYEE_KEY: '${secret}payee-key)'
      PARTNERS: '${secret}partners)'
      TIMERS_OFF: timersOff
      TIMER_ITEMS_MAX: '500'
      // Who called, counted from the right in X-Forwarded-For: the app's own front end, and before it Front Door.
      FORWARDED_HOPS: stage == 'dev' ? '1' : '2'
      APPLICATIONS_PER_HOUR: '20'
      LINKS_PER_HOUR: '10'
      AUDIT_SCHEDULE: '0 */10 * * * *'
      DEADLINES_SCHEDULE: '0 0 13 * * *'
      DELIVERIES_SCHEDULE: '0 * * * * *'
      PRIVACY_RETENTION_SCHEDULE: '0 30 3 * * *'
      RECONCILIATION_SCHEDULE: '0 0 5 * * *'
      REFUND_AUDIT_SCHEDULE: '0 30 13 * * *'
      REPORTS_SCHEDULE: '0 45 2 * * *'
      RETENTION_CHECKS_SCHEDULE: '0 15 13 * * *'
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '12582912'
    }
  }
}

module edge 'modules/edge.bicep' = {
  name: 'edge'
  scope: group
  params: {
    name: name
    location: webLocation
    tags: tags
    apiHostName: functions.outputs.hostName
    requestsPerMinute: requestsPerMinute
    domainName: replace(siteUrl, 'https://', '')
  }
  dependsOn: [door]
}

module scan 'modules/scan.bicep' = {
  name: 'scan'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    storageName: evidenceStorage.outputs.name
    functionAppId: functions.outputs.id
    scanFunction: scanFunction
    capGbPerMonth: scanCapGbPerMonth
    workspaceId: monitoring.outputs.workspaceId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    emails: alertEmails
    wakePhones: wakePhones
    wakeAccounts: wakeAccounts
    repositoryUrl: repositoryUrl
    workspaceId: monitoring.outputs.workspaceId
    insightsId: monitoring.outputs.insightsId
    cosmosId: cosmos.outputs.id
    appPrincipalId: identity.outputs.principalId
    address: address
  }
}

module budget 'modules/budget.bicep' = {
  name: 'budget'
  scope: group
  params: { name: name, amount: budgetAmount, startDate: budgetStart, emails: alertEmails }
}

output AZURE_RESOURCE_GROUP string = group.name
output SERVICE_API_NAME string = functions.outputs.name
output SERVICE_WEB_NAME string = edge.outputs.siteName
output ADDRESS string = address
output VAULT_NAME string = vault.outputs.name
