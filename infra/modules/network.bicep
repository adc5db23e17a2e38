metadata description = 'The private network, where it is switched on: a subnet for the app, a private endpoint for each store.'

param name string
param location string
param tags object

@description('The first three numbers of its addresses. They may not occur in the peered network.')
param range string

@description('Id of a network of the organisation from which people with the rights for it reach the stores. Empty: nobody does.')
param peeredNetworkId string

@description('What gets a private endpoint: name, resourceId, group (blob, Sql, vault), zone.')
param endpoints array

resource nsg 'Microsoft.Network/networkSecurityGroups@2025-09-01' = [for subnet in ['app', 'endpoints']: {
  name: 'nsg-${name}-${subnet}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'no-internet-in'
        properties: {
          access: 'Deny'
          direction: 'Inbound'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}]

resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: 'vnet-${name}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['${range}.0/24'] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '${range}.0/26'
          networkSecurityGroup: { id: nsg[0].id }
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '${range}.64/27'
          networkSecurityGroup: { id: nsg[1].id }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

@description('One for each kind of store; a zone that two endpoints share is made once.')
param zones array

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [for each in zones: {
  name: each
  location: 'global'
  tags: tags
}]

resource zoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (each, i) in zones: {
  parent: zone[i]
  name: 'to-${name}'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: network.id }
  }
}]

// One half of the peering; the other is made in the organisation's network, by whoever owns that.
resource peering 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings@2025-09-01' = if (peeredNetworkId != '') {
  parent: network
  name: 'to-management'
  properties: {
    remoteVirtualNetwork: { id: peeredNetworkId }
    allowVirtualNetworkAccess: true
    allowForwardedTraffic: true
    allowGatewayTransit: false
    useRemoteGateways: false
  }
}

// Without these the names of the stores would lead to their closed public addresses from there.
resource managementLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (each, i) in zones: if (peeredNetworkId != '') {
  parent: zone[i]
  name: 'to-management'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: peeredNetworkId }
  }
}]

resource endpoint 'Microsoft.Network/privateEndpoints@2025-09-01' = [for each in endpoints: {
  name: 'pe-${name}-${each.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: '${network.id}/subnets/endpoints' }
    privateLinkServiceConnections: [
      {
        name: each.name
        properties: { privateLinkServiceId: each.resourceId, groupIds: [each.group] }
      }
    ]
  }
}]

resource zoneGroup 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = [for (each, i) in endpoints: {
  parent: endpoint[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: each.group
        properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', each.zone) }
      }
    ]
  }
  dependsOn: [zoneLink]
}]

output appSubnetId string = '${network.id}/subnets/app'
