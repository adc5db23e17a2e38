metadata description = 'One storage account without keys, its containers, and who may do what in each of them.'

param name string
param location string
param tags object

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GZRS'])
param sku string

@description('Containers: name; dataActions (what the identity may do there, none: nothing); immutableDays (0: everything can be erased); mayGrow (append blobs go on growing under immutability).')
param containers array

@description('How long what was deleted can be brought back, and so how long an erasure takes to be final. 0 is never.')
param softDeleteDays int

@description('True: what is replaced or deleted is kept as a version. Never where something must be erasable: a version outlives its blob.')
param isVersioned bool

@description('After so many days what is seldom read moves to cheaper tiers, 0 is never.')
param coolAfterDays int

param principalId string

@description('A built-in role in the whole account. Empty: only what its containers say.')
param accountRoleId string

@description('True if only private endpoints may reach the account.')
param isPrivate bool
param isLocked bool

@description('True once the retention has been locked by hand: a locked policy refuses to be written again, the same one too.')
param isRetentionLocked bool
param workspaceId string

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
    encryption: {
      requireInfrastructureEncryption: true
      keySource: 'Microsoft.Storage'
      services: {
        blob: { enabled: true }
        file: { enabled: true }
      }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: isVersioned
    changeFeed: isVersioned ? { enabled: true } : { enabled: false }
    deleteRetentionPolicy: softDeleteDays > 0 ? { enabled: true, days: softDeleteDays } : { enabled: false }
    containerDeleteRetentionPolicy: softDeleteDays > 0 ? { enabled: true, days: softDeleteDays } : { enabled: false }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = [for each in containers: {
  parent: blobs
  name: each.name
  properties: { publicAccess: 'None' }
}]

// Unlocked: locking cannot be undone and is a step of the runbook, done by two people.
resource immutability 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2026-04-01' = [for (each, i) in containers: if (each.immutableDays > 0 && !isRetentionLocked) {
  parent: container[i]
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: each.immutableDays
    allowProtectedAppendWrites: each.mayGrow
  }
}]

// Cold, not archive: zone-redundant accounts have no archive, and an audit is to be read at once. Append blobs stay.
resource ageing 'Microsoft.Storage/storageAccounts/managementPolicies@2026-04-01' = if (coolAfterDays > 0) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'cool-down'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'] }
            actions: {
              baseBlob: {
                tierToCool: { daysAfterModificationGreaterThan: coolAfterDays }
                tierToCold: { daysAfterModificationGreaterThan: coolAfterDays * 6 }
              }
            }
          }
        }
      ]
    }
  }
}

// No built-in role says "add but never overwrite": `add` creates, `write` would replace.
resource part 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [for each in containers: if (!empty(each.dataActions)) {
  name: guid(account.id, each.name, 'role')
  properties: {
    roleName: 'pledge ${name}: ${each.name}'
    description: 'What the app does with the blobs of one container.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [{ dataActions: each.dataActions }]
  }
}]

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (each, i) in containers: if (!empty(each.dataActions)) {
  name: guid(account.id, each.name, principalId)
  scope: container[i]
  properties: {
    roleDefinitionId: part[i].id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource accountRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (accountRoleId != '') {
  name: guid(account.id, principalId, accountRoleId)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', accountRoleId)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  name: 'keep'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds evidence or the record of decisions. Remove the lock only by the runbook.'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [for category in ['StorageRead', 'StorageWrite', 'StorageDelete']: { category: category, enabled: true }]
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
