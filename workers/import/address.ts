// Which addresses an import may be fetched from. Everything that is not the public internet is refused: the workers stand inside a network.

import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

const notPublic = new BlockList();
// https://www.iana.org/assignments/iana-ipv4-special-registry/ and iana-ipv6-special-registry/
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local: also the metadata of cloud machines, 169.254.169.254.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  notPublic.addSubnet(address, prefix, 'ipv4');
}

/** Of IPv6 only what is given out for the internet is taken, and of that not what leads to IPv4 or to tests. */
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');
const notPublic6 = new BlockList();
for (const [address, prefix] of [
  // Teredo, ORCHID, benchmarks and the like; documentation; 6to4.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  // Of Amazon's machines: metadata and the like are in fd00:ec2::/32, outside of 2000::/3.
] as const) {
  notPublic6.addSubnet(address, prefix, 'ipv6');
}

export function isPublic(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !notPublic.check(address, 'ipv4');
  return version === 6 && globalUnicast.check(address, 'ipv6') && !notPublic6.check(address, 'ipv6');
}

export class ForbiddenAddress extends Error {
  readonly code = 'EFORBIDDEN';
}

/** A connection goes to the address that was checked: a name that resolves to another one a moment later gains nothing. */
export function checkedLookup(isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const allowed = addresses.filter(({ address }) => isAllowed(address));
      // One that is private gives the name away, whatever the others are.
      if (allowed.length === 0 || allowed.length < addresses.length)
        return callback(new ForbiddenAddress(`${hostname} is no public address`), '', 0);
      if (options.all) return callback(null, allowed);
      callback(null, allowed[0]!.address, allowed[0]!.family);
    });
  };
}
