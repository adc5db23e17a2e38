metadata description = 'The Cosmos DB account, its containers and, for each container, the one thing the app may do there.'

param name string
param location string
param tags object
param databaseName string

@description('Empty: one region. Otherwise a region to read from and to fail over to.')
param secondaryLocation string

@description('Serverless (dev, test) or autoscale (prod). Serverless can become autoscale in place, not back.')
param isServerless bool

@description('What one container may use at most when autoscaled; `cases` carries nearly all of the load.')
param casesMaxThroughput int

@description('No more RU/s than this over all containers and all regions, whatever is asked for. -1: no limit; serverless has none.')
param totalThroughputLimit int

param isZoneRedundant bool
param isPrivate bool
param isLocked bool
param principalId string
param workspaceId string

var containers = loadJsonContent('../cosmos-containers.json')

@description('Containers in which nothing is ever changed or deleted, by the app or by whoever takes it over.')
var appendOnly = ['audits', 'reads']

var data = 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers'
var readActions = [
  'Microsoft.DocumentDB/databaseAccounts/readMetadata'
  '${data}/executeQuery'
  '${data}/items/read'
]

var primary = [{ locationName: location, failoverPriority: 0, isZoneRedundant: isZoneRedundant }]
var secondary = [{ locationName: secondaryLocation, failoverPriority: 1, isZoneRedundant: isZoneRedundant }]

resource account 'Microsoft.DocumentDB/databaseAccounts@2026-03-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    consistencyPolicy: { defaultConsistencyLevel: 'Session' }
    locations: secondaryLocation == '' ? primary : concat(primary, secondary)
    enableAutomaticFailover: secondaryLocation != ''
    enableMultipleWriteLocations: false
    capabilities: isServerless ? [{ name: 'EnableServerless' }] : []
    capacity: { totalThroughputLimit: isServerless ? -1 : totalThroughputLimit }
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: { tier: 'Continuous30Days' }
    }
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2026-03-15' = {
  parent: account
  name: databaseName
  properties: {
    resource: { id: databaseName }
  }
}

@batchSize(1)
resource container 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2026-03-15' = [for each in containers: {
  parent: database
  name: each.id
  properties: {
    resource: {
      id: each.id
      partitionKey: { paths: [each.partitionKey], kind: 'Hash', version: 2 }
      defaultTtl: each.defaultTtl
      indexingPolicy: each.indexingPolicy
    }
    options: isServerless ? {} : { autoscaleSettings: { maxThroughput: each.id == 'cases' ? casesMaxThroughput : 1000 } }
  }
}]

// One after the other from here on: the account takes one change of its roles at a time and refuses the others.
// The account itself tells every client its regions: no data, and needed before the first request.
resource visitor 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'visitor')
  properties: {
    roleName: 'pledge: metadata of the account'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [{ dataActions: ['Microsoft.DocumentDB/databaseAccounts/readMetadata'] }]
  }
  dependsOn: [container]
}

resource appender 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'appender')
  properties: {
    roleName: 'pledge: read and add, never change'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [{ dataActions: concat(readActions, ['${data}/items/create']) }]
  }
  dependsOn: [visitor]
}

// Not the built-in contributor: the app never upserts and runs no stored procedure.
resource writer 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'writer')
  properties: {
    roleName: 'pledge: read and write'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [
      {
        dataActions: concat(readActions, ['${data}/readChangeFeed', '${data}/items/create', '${data}/items/replace', '${data}/items/delete'])
      }
    ]
  }
  dependsOn: [appender]
}

resource visitorRole 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = {
  parent: account
  name: guid(account.id, principalId, 'visitor')
  properties: {
    roleDefinitionId: visitor.id
    principalId: principalId
    scope: account.id
  }
  dependsOn: [writer]
}

@batchSize(1)
resource containerRole 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = [for (each, i) in containers: {
  parent: account
  name: guid(account.id, principalId, each.id)
  properties: {
    roleDefinitionId: contains(appendOnly, each.id) ? appender.id : writer.id
    principalId: principalId
    scope: '${account.id}/dbs/${databaseName}/colls/${container[i].name}'
  }
  dependsOn: [visitorRole]
}]

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  name: 'keep'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds every case.'
  }
}

var categories = [
  'DataPlaneRequests'
  'QueryRuntimeStatistics'
  'PartitionKeyRUConsumption'
  'ControlPlaneRequests'
]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: account
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in categories: { category: category, enabled: true }]
  }
}

output id string = account.id
output endpoint string = account.properties.documentEndpoint
