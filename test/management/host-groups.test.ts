import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { HostGroups } from '../../src/management/host-groups.ts';

interface Group {
  readonly name: string;
  readonly zone: string;
  desired: number;
  instance?: string;
}

const { signal } = new AbortController();

/** Answers as Auto Scaling does (its query API), two groups to a page. */
async function autoScaling(t: TestContext, groups: Group[]) {
  const changes: string[] = [];
  const server = createServer(async (request, response) => {
    const asked = new URLSearchParams(await text(request));
    const action = asked.get('Action')!;
    if (action === 'SetDesiredCapacity')
      changes.push(`${asked.get('AutoScalingGroupName')} = ${asked.get('DesiredCapacity')}`);
    if (action === 'TerminateInstanceInAutoScalingGroup')
      changes.push(`${asked.get('InstanceId')} ends, fewer: ${asked.get('ShouldDecrementDesiredCapacity')}`);
    const named = asked.get('AutoScalingGroupNames.member.1');
    const from = Number(asked.get('NextToken') ?? 0);
    const found = named === null ? groups.slice(from, from + 2) : groups.filter(({ name }) => name === named);
    const members = found.map(
      ({ name, zone, desired, instance }) =>
        `<member><AutoScalingGroupName>${name}</AutoScalingGroupName><AvailabilityZones><member>${zone}</member></AvailabilityZones><MinSize>0</MinSize><MaxSize>1</MaxSize><DesiredCapacity>${desired}</DesiredCapacity><Instances>${instance ? `<member><InstanceId>${instance}</InstanceId></member>` : ''}</Instances></member>`,
    );
    const next = named === null && from + 2 < groups.length ? `<NextToken>${from + 2}</NextToken>` : '';
    response.setHeader('content-type', 'text/xml');
    response.end(
      `<${action}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><${action}Result><AutoScalingGroups>${members.join('')}</AutoScalingGroups>${next}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`,
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new AutoScalingClient({
    region: 'eu-west-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  t.after(() => {
    client.destroy();
    server.close();
  });
  return { hosts: new HostGroups(client, 'tsg-host-'), changes };
}

const zoned = (name: string, zone: string, desired: number): Group => ({ name, zone, desired });

const starts: readonly (readonly [title: string, groups: Group[], host: string | undefined])[] = [
  ['the only one', [zoned('tsg-host-a-0', 'a', 0)], 'tsg-host-a-0'],
  [
    'in the zone with fewest',
    [zoned('tsg-host-a-0', 'a', 1), zoned('tsg-host-a-1', 'a', 0), zoned('tsg-host-b-0', 'b', 0)],
    'tsg-host-b-0',
  ],
  ['by name, where zones are alike', [zoned('tsg-host-b-0', 'b', 0), zoned('tsg-host-a-0', 'a', 0)], 'tsg-host-a-0'],
  ['never one of others', [zoned('api', 'a', 0), zoned('tsg-host-a-0', 'a', 1), zoned('workers', 'b', 0)], undefined],
  ['none is empty', [zoned('tsg-host-a-0', 'a', 1)], undefined],
];

for (const [title, groups, host] of starts)
  test(`a host is started: ${title}`, async (t) => {
    const { hosts, changes } = await autoScaling(t, groups);
    assert.equal(await hosts.startHost(signal), host);
    assert.deepEqual(changes, host === undefined ? [] : [`${host} = 1`]);
  });

test('a host is replaced: its instance ends, and the group keeps its place', async (t) => {
  const { hosts, changes } = await autoScaling(t, [{ name: 'tsg-host-a-0', zone: 'a', desired: 1, instance: 'i-1' }]);
  await hosts.replaceHost('tsg-host-a-0', signal);
  assert.deepEqual(changes, ['i-1 ends, fewer: false']);
  await assert.rejects(hosts.replaceHost('tsg-host-b-0', signal), /the group tsg-host-b-0 has no instance/);
});
