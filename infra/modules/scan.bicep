metadata description = 'Malware scanning of what is uploaded as evidence, and the way of its result to the app.'

param name string
param location string
param tags object
param storageName string
param functionAppId string

@description('The function that takes scan results. Empty until it has been deployed once: a subscription needs its target.')
param scanFunction string

@description('No more than this is scanned in a month; above it documents wait for a person.')
param capGbPerMonth int
param workspaceId string

resource storage 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: storageName
}

resource results 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: 'evgt-${name}-scans'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    inputSchema: 'EventGridSchema'
    minimumTlsVersionAllowed: '1.2'
    disableLocalAuth: true
  }
}

resource defender 'Microsoft.Security/defenderForStorageSettings@2025-06-01' = {
  name: 'current'
  scope: storage
  properties: {
    isEnabled: true
    overrideSubscriptionLevelSettings: true
    sensitiveDataDiscovery: { isEnabled: false }
    malwareScanning: {
      onUpload: { isEnabled: true, capGBPerMonth: capGbPerMonth }
      scanResultsEventGridTopicResourceId: results.id
    }
  }
}

// Why a file could not be scanned stands in StorageMalwareScanningResults, and only with this.
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: defender
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'ScanResults', enabled: true }]
  }
}

resource subscription 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = if (scanFunction != '') {
  parent: results
  name: 'to-app'
  properties: {
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/${scanFunction}'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: { includedEventTypes: ['Microsoft.Security.MalwareScanningResult'] }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}
