import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import { type Actor, auditPut } from './audit.ts';
import {
  assignments,
  ConditionFailed,
  type Dynamo,
  deleteItem,
  queryItems,
  readItem,
  type TransactionItem,
  transact,
  updateItem,
} from './dynamo.ts';
import type { HostHealth } from './host-agent.ts';
import type { Host } from './records.ts';
import { serviceAccountId } from './task-item.ts';

/** A host that was not heard of for so long and has no database is not coming back. */
const forgottenMs = 7 * 24 * 3_600_000;
/** Three heartbeats missed: the host gets no new databases. */
const heartbeatValidMs = 15_000;
/** Databases grow: a host with a volume as full as that gets no more of them. */
const leastFreeShare = 0.05;
/** Hosts whose room differs by less than a tenth are alike. */
const roomSteps = 10;

/** Of a host that has started once. */
const firstEpoch = 1;

export type HostReport = Pick<Host, 'id' | 'region' | 'zone' | 'agent' | 'slots' | 'volumes'> &
  Partial<Pick<Host, 'epoch'>>;

/** An agent of the host has started after the one that speaks. */
export class HostTaken extends Error {}

interface HostsOptions {
  readonly dynamo: Dynamo;
  readonly region: string;
  readonly clock: () => number;
}

export class Hosts {
  readonly #dynamo: Dynamo;
  readonly #region: string;
  readonly #clock: () => number;

  constructor({ dynamo, region, clock }: HostsOptions) {
    this.#dynamo = dynamo;
    this.#region = region;
    this.#clock = clock;
  }

  /** An agent of the host starts: from now on earlier ones are refused. It may say so again. HostTaken when it is an earlier one itself. */
  async take(id: string, { epoch, instance }: { readonly epoch: number; readonly instance: string }): Promise<void> {
    await this.#asNewest(id, {
      TableName: tables.hosts,
      Key: { id },
      UpdateExpression: 'SET epoch = :epoch, #instance = :instance',
      ConditionExpression: 'attribute_not_exists(epoch) OR epoch < :epoch OR #instance = :instance',
      ExpressionAttributeNames: { '#instance': 'instance' },
      ExpressionAttributeValues: { ':epoch': epoch, ':instance': instance },
    });
  }

  /** The host's agent has started; what is placed on the host stays. HostTaken. */
  async register({ id, epoch = firstEpoch, ...report }: HostReport): Promise<void> {
    const now = new Date(this.#clock()).toISOString();
    const { set, ...placeholders } = assignments({ ...report, epoch, heartbeatAt: now });
    await this.#asNewest(id, {
      TableName: tables.hosts,
      Key: { id },
      UpdateExpression: `SET ${set}, createdAt = if_not_exists(createdAt, :heartbeatAt), usedSlots = if_not_exists(usedSlots, :none) ADD #version :one`,
      ConditionExpression: 'attribute_not_exists(#epoch) OR #epoch = :epoch',
      ExpressionAttributeNames: { ...placeholders.ExpressionAttributeNames, '#version': 'version' },
      ExpressionAttributeValues: { ...placeholders.ExpressionAttributeValues, ':none': 0, ':one': 1 },
    });
  }

  /** HostTaken also when the host is not known any more. */
  async heartbeat(id: string, health?: HostHealth, epoch: number = firstEpoch): Promise<void> {
    await this.#asNewest(id, {
      TableName: tables.hosts,
      Key: { id },
      UpdateExpression: `SET heartbeatAt = :now${health ? ', health = :health' : ''}`,
      ConditionExpression: 'epoch = :epoch',
      ExpressionAttributeValues: {
        ':epoch': epoch,
        ':now': new Date(this.#clock()).toISOString(),
        ...(health && { ':health': health }),
      },
    });
  }

  async #asNewest(id: string, update: Parameters<typeof updateItem>[1]): Promise<void> {
    try {
      await updateItem(this.#dynamo, update);
    } catch (error) {
      if (error instanceof ConditionFailed) throw new HostTaken(`${id} has a newer agent`, { cause: error });
      throw error;
    }
  }

  /** Hosts come and go; those that went and hold nothing leave the list. One that comes back after all registers again. */
  async removeForgotten(): Promise<void> {
    const since = new Date(this.#clock() - forgottenMs).toISOString();
    const forgotten = (await this.listHosts()).filter((host) => host.usedSlots === 0 && host.heartbeatAt < since);
    for (const { id, heartbeatAt } of forgotten) {
      try {
        await deleteItem(
          this.#dynamo,
          tables.hosts,
          { id },
          {
            expression: 'usedSlots = :none AND heartbeatAt = :seen',
            values: { ':none': 0, ':seen': heartbeatAt },
          },
        );
      } catch (error) {
        if (!(error instanceof ConditionFailed)) throw error;
      }
    }
  }

  async getHost(id: string): Promise<Host | undefined> {
    return (await readItem(this.#dynamo, tables.hosts, { id })) as Host | undefined;
  }

  async listHosts(): Promise<Host[]> {
    const items = await queryItems(this.#dynamo, {
      TableName: tables.hosts,
      IndexName: indexes.hostsByRegion,
      KeyConditionExpression: '#region = :region',
      ExpressionAttributeNames: { '#region': 'region' },
      ExpressionAttributeValues: { ':region': this.#region },
    });
    return items as unknown as Host[];
  }

  /** A cordoned host keeps its databases and gets no new ones. */
  async cordon(id: string, cordoned: boolean, by: Actor): Promise<void> {
    const subject = { kind: 'host', id, name: id } as const;
    const action = cordoned ? 'cordonHost' : 'uncordonHost';
    try {
      await transact(this.#dynamo, [
        {
          Update: {
            TableName: tables.hosts,
            Key: { id },
            UpdateExpression: 'SET cordoned = :cordoned ADD #version :one',
            ConditionExpression: 'attribute_exists(id)',
            ExpressionAttributeNames: { '#version': 'version' },
            ExpressionAttributeValues: { ':cordoned': cordoned, ':one': 1 },
          },
        },
        auditPut({ accountId: serviceAccountId, by, action, subject }, this.#clock()),
      ]);
    } catch (error) {
      if (error instanceof ConditionFailed) throw apiError('HostNotFound', { host: id }, { cause: error });
      throw error;
    }
  }

  /** Null: its databases are not moved away. HostNotFound. */
  async setDrain(id: string, drain: NonNullable<Host['drain']> | null): Promise<void> {
    try {
      await updateItem(this.#dynamo, {
        TableName: tables.hosts,
        Key: { id },
        UpdateExpression: 'SET #drain = :drain ADD #version :one',
        ConditionExpression: 'attribute_exists(id)',
        ExpressionAttributeNames: { '#drain': 'drain', '#version': 'version' },
        ExpressionAttributeValues: { ':drain': drain, ':one': 1 },
      });
    } catch (error) {
      if (error instanceof ConditionFailed) throw apiError('HostNotFound', { host: id }, { cause: error });
      throw error;
    }
  }

  /** Of all hosts that live and take databases. */
  async freeSlots(): Promise<number> {
    const open = (await this.listHosts()).filter((host) => !host.cordoned && host.heartbeatAt >= this.#aliveSince);
    return open.reduce((sum, host) => sum + Math.max(0, freeSlots(host)), 0);
  }

  /**
   * Hosts that live, take databases and have room and enough volumes, the one with most room first: the lesser of its share of free slots and of
   * free bytes. Among those that are alike, the zone with most free slots comes first, then the host.
   */
  async hostsWithRoom(volumes: number): Promise<Host[]> {
    const aliveSince = this.#aliveSince;
    const hosts = (await this.listHosts())
      .filter((host) => !host.cordoned && freeSlots(host) > 0 && freeBytesShare(host) >= leastFreeShare)
      .filter((host) => host.volumes >= volumes && host.heartbeatAt >= aliveSince);
    const ofZone = (zone: string): number =>
      hosts.filter((host) => host.zone === zone).reduce((sum, host) => sum + freeSlots(host), 0);
    return hosts.toSorted(
      (a, b) => roomOf(b) - roomOf(a) || ofZone(b.zone) - ofZone(a.zone) || freeSlots(b) - freeSlots(a),
    );
  }

  get #aliveSince(): string {
    return new Date(this.#clock() - heartbeatValidMs).toISOString();
  }
}

function freeSlots({ slots, usedSlots }: Host): number {
  return slots - usedSlots;
}

/** Of the fullest volume; 1 while that is not known. */
function freeBytesShare({ health }: Host): number {
  return Math.min(1, ...(health?.volumes ?? []).map(({ bytes, freeBytes }) => (bytes > 0 ? freeBytes / bytes : 0)));
}

function roomOf(host: Host): number {
  return Math.round(roomSteps * Math.min(freeSlots(host) / host.slots, freeBytesShare(host)));
}

/** Part of the transaction that places a database: refused when the host has become full, or takes none any more. */
export function takeSlot(hostId: string): TransactionItem {
  return {
    Update: {
      TableName: tables.hosts,
      Key: { id: hostId },
      UpdateExpression: 'ADD usedSlots :one',
      ConditionExpression: 'usedSlots < slots AND (attribute_not_exists(cordoned) OR cordoned = :no)',
      ExpressionAttributeValues: { ':one': 1, ':no': false },
    },
  };
}

/** Part of a transaction of the host's agent: refused when another one has started since. */
export function asAgentOf({ id, epoch }: Pick<Host, 'id' | 'epoch'>): TransactionItem {
  return {
    ConditionCheck: {
      TableName: tables.hosts,
      Key: { id },
      ConditionExpression: 'epoch = :epoch',
      ExpressionAttributeValues: { ':epoch': epoch },
    },
  };
}

/** Part of the transaction that removes a database. */
export function releaseSlot(hostId: string): TransactionItem {
  return {
    Update: {
      TableName: tables.hosts,
      Key: { id: hostId },
      UpdateExpression: 'ADD usedSlots :less',
      ExpressionAttributeValues: { ':less': -1 },
    },
  };
}
