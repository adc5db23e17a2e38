metadata description = 'The Flex Consumption plan and the function app on it. One app a plan: Flex takes no more.'

param name string
param location string
param tags object
param identityId string

@description('The whole environment of the app, but for what connects it to its host storage and its telemetry.')
param settings object

param clientId string
param hostStorageName string
param packageContainerUrl string
param insightsConnectionString string

@description('Other sites whose pages may call the API from a browser (the programme\'s cors_origins).')
param corsOrigins array

@description('Empty: the app reaches its stores over public addresses, by identity only.')
param subnetId string

@allowed([512, 2048, 4096])
param instanceMemoryMb int
param instancesMax int
param alwaysReadyHttp int

@description('Requests that one instance works on at once. Python starts at 1, which would start an instance for each request in flight.')
param perInstanceConcurrency int

param isZoneRedundant bool
param workspaceId string

@description('Only this Front Door profile may call the app. Empty: anybody may (dev).')
param frontDoorId string

// Connections by identity: no connection string and no key.
var platformSettings = {
  AzureWebJobsStorage__accountName: hostStorageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  AZURE_CLIENT_ID: clientId
  // The worker exports what the code traces. The SDKs' own spans would say the same again, with addresses in them.
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  OTEL_SERVICE_NAME: 'pledge'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,psycopg2,requests,urllib,urllib3'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    reserved: true
    zoneRedundant: isZoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api', region: location })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: subnetId == '' ? null : subnetId
    outboundVnetRouting: { allTraffic: subnetId != '' }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMb
        maximumInstanceCount: instancesMax
        alwaysReady: alwaysReadyHttp > 0 ? [{ name: 'http', instanceCount: alwaysReadyHttp }] : []
        triggers: {
          http: { perInstanceConcurrency: perInstanceConcurrency }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
      cors: { allowedOrigins: corsOrigins, supportCredentials: false }
      ipSecurityRestrictionsDefaultAction: frontDoorId == '' ? 'Allow' : 'Deny'
      ipSecurityRestrictions: frontDoorId == '' ? [] : [
        {
          name: 'front-door'
          action: 'Allow'
          priority: 100
          tag: 'ServiceTag'
          ipAddress: 'AzureFrontDoor.Backend'
          headers: { 'x-azure-fdid': [frontDoorId] }
        }
        {
          // Results of the malware scan come to the host's own address, with its own key; the routes still check each caller.
          name: 'event-grid'
          action: 'Allow'
          priority: 110
          tag: 'ServiceTag'
          ipAddress: 'AzureEventGrid'
        }
      ]
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(platformSettings, settings)
}

// Deployment is by Entra ID only: no user name and password for FTP or the deployment endpoint.
resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = [for endpoint in ['ftp', 'scm']: {
  parent: app
  name: endpoint
  properties: { allow: false }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = app.id
output name string = app.name
output hostName string = app.properties.defaultHostName
