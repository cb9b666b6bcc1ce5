import { Allowance } from './allowance.ts';
import { type Measure, unmeasured } from './call-figures.ts';
import { asof } from './calls/asof.ts';
import type { CallCodec } from './calls/grammar.ts';
import { insert, inserts, joinInserts } from './calls/insert.ts';
import { furthest } from './calls/position.ts';
import { explain, latest, query } from './calls/query.ts';
import { badReply, requestFrame } from './calls/request.ts';
import { define, describe, drop, series, stats, tags } from './calls/series.ts';
import { backup, checkpoint, compact, deletion, retain, tail } from './calls/upkeep.ts';
import { type Call, calls } from './contract.ts';
import type { Endpoint } from './dial.ts';
import type {
  AsofSpec,
  BackupFile,
  Compaction,
  DeleteSpec,
  Engine,
  Explanation,
  Hello,
  InsertBatch,
  InsertReceipt,
  LatestSpec,
  Position,
  QueryResult,
  QuerySpec,
  Seen,
  SeriesDefinition,
  SeriesInfo,
  SeriesPage,
  SeriesPageSpec,
  Stats,
  TagValues,
  TailResult,
  TailSpec,
} from './engine.ts';
import { EngineError } from './engine-error.ts';
import { HostCalls } from './host-calls.ts';
import type { Job } from './lane.ts';
import { defaultPoolLimits, type LaneLoads, Pool, type PoolLimits } from './pool.ts';

/** Running calls get this long when the client is closed. */
const closeGraceMs = 5_000;
/** The engine ends a query at its deadline and says so; only an engine that does not is hung up on, this much later. */
const answerGraceMs = 1_000;

/** The furthest place of all changes that were acknowledged: reads must have seen them. */
export interface SeenChanges {
  until: Position | undefined;
}

/** A database behind its q IPC port. */
export class EngineClient implements Engine {
  readonly #pool: Pool;
  readonly #host: HostCalls | undefined;
  readonly #measure: Measure;
  /** Also those of the client that it takes over from, some of which may still be under way. */
  readonly seen: SeenChanges;

  /** Without a host to ask, a change that is answered lasts. */
  constructor(pool: Pool, seen: SeenChanges, measure: Measure, host?: HostCalls) {
    this.#pool = pool;
    this.#measure = measure;
    this.seen = seen;
    this.#host = host;
  }

  hello(): Promise<Hello> {
    return this.#measure('.tsg.hello', () => this.#pool.hello());
  }

  define(definition: SeriesDefinition): Promise<SeriesInfo> {
    return this.#lasting(this.#call(define, definition));
  }

  drop(series: string, catalogueVersion?: bigint): Promise<void> {
    return this.#lasting(this.#call(drop, { series, catalogueVersion: catalogueVersion ?? null }));
  }

  describe(series: string): Promise<SeriesInfo> {
    return this.#call(describe, series);
  }

  async insert(batch: InsertBatch): Promise<InsertReceipt> {
    const receipt = await this.#call(insert, batch);
    await this.#host?.until(receipt);
    this.seen.until = furthest(this.seen.until, { generation: receipt.generation, offset: receipt.offset });
    return receipt;
  }

  /** Messages of `.tsg.insert` in this order, in one: each has its own receipt or its own error. */
  async insertAll(frames: readonly Buffer[]): Promise<readonly (InsertReceipt | EngineError)[]> {
    const answers = await this.#send(inserts, joinInserts(frames), 'read');
    let last: Position | undefined;
    for (const answer of answers)
      if (!(answer instanceof EngineError))
        last = furthest(last, { generation: answer.generation, offset: answer.offset });
    if (last) await this.#host?.until(last);
    this.seen.until = furthest(this.seen.until, last);
    return answers;
  }

  query(spec: QuerySpec, signal?: AbortSignal): Promise<QueryResult> {
    return this.#call(query, this.#mustSee(spec), signal);
  }

  explain(spec: QuerySpec, signal?: AbortSignal): Promise<Explanation> {
    return this.#call(explain, this.#mustSee(spec), signal);
  }

  latest(spec: LatestSpec, signal?: AbortSignal): Promise<QueryResult> {
    return this.#call(latest, this.#mustSee(spec), signal);
  }

  asof(spec: AsofSpec, signal?: AbortSignal): Promise<QueryResult> {
    return this.#call(asof, this.#mustSee(spec), signal);
  }

  tags(series: string, seen: Seen = {}): Promise<readonly TagValues[]> {
    return this.#call(tags, this.#mustSee({ series, ...seen }));
  }

  series(spec: SeriesPageSpec): Promise<SeriesPage> {
    return this.#call(series, this.#mustSee(spec));
  }

  stats(): Promise<Stats> {
    return this.#call(stats, undefined);
  }

  delete(spec: DeleteSpec): Promise<bigint> {
    return this.#lasting(this.#call(deletion, spec));
  }

  retain(beforeNs: bigint): Promise<bigint> {
    return this.#lasting(this.#call(retain, beforeNs));
  }

  compact(): Promise<Compaction> {
    return this.#call(compact, undefined);
  }

  checkpoint(): Promise<void> {
    return this.#call(checkpoint, undefined);
  }

  backup(name: string): Promise<readonly BackupFile[]> {
    return this.#call(backup, name);
  }

  tail(spec: TailSpec): Promise<TailResult> {
    return this.#call(tail, spec);
  }

  /** Connections that are open, and calls that wait for one. */
  get lanes(): LaneLoads {
    return this.#pool.lanes;
  }

  /** Closes every connection; calls that run get a few seconds, those that wait are refused. */
  async close(): Promise<void> {
    await this.#pool.close(closeGraceMs);
    await this.#host?.close(closeGraceMs);
  }

  /** Its reply does not say where in the journal it is. */
  async #lasting<Reply>(change: Promise<Reply>): Promise<Reply> {
    const reply = await change;
    this.seen.until = furthest(this.seen.until, await this.#host?.everything());
    return reply;
  }

  /** Where one process answers everything there is nothing to say. */
  #mustSee<Spec extends Seen>({ position, ...spec }: Spec): Omit<Spec, 'position'> & Seen {
    const needed = this.#pool.hasReaders ? furthest(this.seen.until, position) : undefined;
    return { ...spec, ...(needed && { position: needed }) };
  }

  async #call<Arguments, Reply>(
    codec: CallCodec<Arguments, Reply>,
    given: Arguments,
    signal?: AbortSignal,
  ): Promise<Reply> {
    const kind = codec.name === insert.name ? 'insert' : calls[codec.name].lane === 'query' ? 'read' : 'change';
    return this.#send(codec, requestFrame(codec, given), kind, signal);
  }

  async #send<Arguments, Reply>(
    codec: CallCodec<Arguments, Reply>,
    frame: Buffer,
    kind: Job['kind'],
    signal?: AbortSignal,
  ): Promise<Reply> {
    const { lane, timeoutMs, readable }: Call = calls[codec.name];
    if (lane === 'health') throw new Error(`${codec.name} is node-q's`);
    const job: Job = { frame, kind, timeoutMs: timeoutMs + answerGraceMs, signal };
    const reply = await this.#measure(codec.name, () => (readable ? this.#pool.read(job) : this.#pool.call(lane, job)));
    try {
      return codec.decodeReply(reply);
    } catch (error) {
      throw badReply(error);
    }
  }
}

export interface EngineClientOptions extends Endpoint, Partial<PoolLimits> {
  /** Of the host agent, where the engine cannot sync its journal. */
  readonly durablePort?: number;
  /** Of processes that answer reads too. */
  readonly readerPorts?: readonly number[];
  readonly seen?: SeenChanges;
  readonly measure?: Measure;
}

/** The first call connects. */
export function createEngineClient({
  host,
  port,
  user,
  password,
  tls,
  durablePort,
  readerPorts = [],
  seen = { until: undefined },
  measure = unmeasured,
  ...given
}: EngineClientOptions): EngineClient {
  // node-q writes user:password as ASCII, and the first colon ends the user.
  if (/[^\x21-\x7e]/.test(user + password) || user.includes(':'))
    throw new Error('user and password must be printable ASCII without spaces, the user without a colon');
  const endpoint: Endpoint = { host, port, user, password, ...(tls && { tls }) };
  const limits = { ...defaultPoolLimits, ...given };
  const hostCalls = durablePort === undefined ? undefined : new HostCalls({ ...endpoint, port: durablePort }, limits);
  const allowance = new Allowance(hostCalls && ((used) => hostCalls.share(used)));
  const readers = readerPorts.map((readerPort) => ({ ...endpoint, port: readerPort }));
  return new EngineClient(new Pool({ writer: endpoint, readers }, limits, allowance), seen, measure, hostCalls);
}
