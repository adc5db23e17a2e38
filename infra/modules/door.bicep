metadata description = 'The front door by itself: its id restricts who may call the app, its address is a setting of the app.'

param name string
param tags object
param workspaceId string

resource profile 'Microsoft.Cdn/profiles@2024-09-01' = {
  name: 'afd-${name}'
  location: 'global'
  tags: tags
  sku: { name: 'Standard_AzureFrontDoor' }
  properties: { originResponseTimeoutSeconds: 60 }
}

resource address 'Microsoft.Cdn/profiles/afdEndpoints@2024-09-01' = {
  parent: profile
  name: name
  location: 'global'
  tags: tags
  properties: { enabledState: 'Enabled' }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: profile
  properties: {
    workspaceId: workspaceId
    logs: [for category in ['FrontDoorAccessLog', 'FrontDoorWebApplicationFirewallLog']: { category: category, enabled: true }]
  }
}

output frontDoorId string = profile.properties.frontDoorId
output address string = 'https://${address.properties.hostName}'
