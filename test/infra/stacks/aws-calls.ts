// What a program asks of AWS, by its sources: the commands of the SDK in every module that it loads, and what it does with object stores.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export const root = join(import.meta.dirname, '..', '..', '..');

const dynamo = {
  get: 'dynamodb:GetItem',
  put: 'dynamodb:PutItem',
  remove: 'dynamodb:DeleteItem',
  update: 'dynamodb:UpdateItem',
};

/** The actions that a command needs. Null: who sets a region up calls it, and no program of a region on AWS does. */
const actionsOf: Readonly<Record<string, readonly string[] | null>> = {
  GetCommand: [dynamo.get],
  BatchGetCommand: ['dynamodb:BatchGetItem'],
  QueryCommand: ['dynamodb:Query'],
  PutCommand: [dynamo.put],
  UpdateCommand: [dynamo.update],
  DeleteCommand: [dynamo.remove],
  // Asks for what its items do.
  TransactWriteCommand: [],
  CreateTableCommand: null,
  DescribeTableCommand: null,
  DescribeTimeToLiveCommand: null,
  UpdateTimeToLiveCommand: null,
  SendMessageCommand: ['sqs:SendMessage'],
  SendMessageBatchCommand: ['sqs:SendMessage'],
  ReceiveMessageCommand: ['sqs:ReceiveMessage'],
  DeleteMessageCommand: ['sqs:DeleteMessage'],
  ChangeMessageVisibilityCommand: ['sqs:ChangeMessageVisibility'],
  ChangeMessageVisibilityBatchCommand: ['sqs:ChangeMessageVisibility'],
  GetQueueUrlCommand: ['sqs:GetQueueUrl'],
  GetQueueAttributesCommand: ['sqs:GetQueueAttributes'],
  CreateQueueCommand: null,
  PublishCommand: ['sns:Publish'],
  PublishBatchCommand: ['sns:Publish'],
  CreateTopicCommand: null,
  SubscribeCommand: null,
  DescribeAutoScalingGroupsCommand: ['autoscaling:DescribeAutoScalingGroups'],
  SetDesiredCapacityCommand: ['autoscaling:SetDesiredCapacity'],
  TerminateInstanceInAutoScalingGroupCommand: ['autoscaling:TerminateInstanceInAutoScalingGroup'],
};

/** Of a module that consumes a queue. */
const consumer = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];

/** What is done with an object store, which is S3. */
const storeActions: Readonly<Record<string, readonly string[]>> = {
  put: ['s3:PutObject'],
  get: ['s3:GetObject'],
  head: ['s3:GetObject'],
  link: ['s3:GetObject'],
  list: ['s3:ListBucket'],
  remove: ['s3:DeleteObject'],
  startUpload: ['s3:PutObject'],
  putPart: ['s3:PutObject'],
  listParts: ['s3:ListMultipartUploadParts'],
  finishUpload: ['s3:PutObject'],
  abortUpload: ['s3:AbortMultipartUpload'],
};
const storeCall = new RegExp(
  `\\b(?:objects|store)\\w*(?:\\([\\w.]*\\))?\\.(${Object.keys(storeActions).join('|')})\\(`,
  'g',
);
/** They pass on what others ask for. */
const stores = ['directory', 'links', 'open', 'retries', 's3'].map((name) => `src/base/objects/${name}.ts`);

export interface Calls {
  readonly actions: ReadonlySet<string>;
  /** Commands of which nothing is known here. */
  readonly unknown: readonly string[];
}

export function callsOf(...entryPoints: readonly string[]): Calls {
  const actions = new Set<string>();
  const unknown: string[] = [];
  for (const [path, text] of modulesOf(entryPoints)) {
    if (text.includes('ConditionCheck: {')) actions.add('dynamodb:ConditionCheckItem');
    if (text.includes("from 'sqs-consumer'")) for (const action of consumer) actions.add(action);
    if (stores.includes(path)) continue;
    for (const [, command] of text.matchAll(/new (\w+Command)\(/g)) {
      const needed = actionsOf[command!];
      if (needed === undefined) unknown.push(`${path}: ${command}`);
      for (const action of needed ?? []) actions.add(action);
    }
    for (const [, method] of text.matchAll(storeCall)) for (const action of storeActions[method!]!) actions.add(action);
  }
  return { actions, unknown };
}

/** Every module that is loaded, with its text: types are not. */
export function modulesOf(entryPoints: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    const name = relative(root, path);
    if (found.has(name) || !existsSync(path)) return;
    const text = readFileSync(path, 'utf8');
    found.set(name, text);
    for (const [, specifier] of text.matchAll(/^(?:import|export)\s(?!type\s)[^'";]*from '(\.[^']+)'/gm))
      visit(join(dirname(path), specifier!));
    // Threads, and what is loaded late.
    for (const [, specifier] of text.matchAll(/(?:import|URL|join)\([^)]*'([\w./-]+\.ts)'/g))
      visit(join(dirname(path), specifier!));
  };
  for (const entryPoint of entryPoints) visit(join(root, entryPoint));
  return found;
}
