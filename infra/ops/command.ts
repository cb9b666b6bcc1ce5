// How commands are made: each belongs to a group, has an example, and gets a session.

import type { Command } from 'commander';
import { ConfigError, readReplicatorConfig } from '../../src/base/config.ts';
import { environmentOf } from './environment.ts';
import type { Report } from './report.ts';
import { Session } from './session.ts';

export interface GlobalOptions {
  readonly region?: string;
  readonly json?: boolean;
  readonly by?: string;
}

/** Given the arguments in their order (an optional one that is missing is undefined), and the options. */
export type Work<O> = (session: Session, args: readonly string[], options: O & GlobalOptions) => Promise<Report>;

export interface CommandDefinition<O> {
  /** With its arguments: `show <database>`. */
  readonly name: string;
  readonly does: string;
  /** What stands behind `npm run ops -- `. */
  readonly example: string;
  readonly options?: (command: Command) => Command;
  readonly work: Work<O>;
}

/** Where the outcome goes. */
export interface Outcome {
  exitCode: number;
  readonly print: (text: string) => unknown;
}

export class Commands {
  readonly program: Command;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #signal: AbortSignal;
  readonly #outcome: Outcome;

  constructor(
    program: Command,
    env: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
    outcome: Outcome,
  ) {
    this.program = program;
    this.#env = env;
    this.#signal = signal;
    this.#outcome = outcome;
  }

  group(name: string, does: string): Command {
    return this.program
      .command(name)
      .description(does)
      .addHelpText('after', `\nExample:\n  npm run ops -- ${name} --help`);
  }

  add<O extends object>(
    parent: Command,
    { name, does, example, options = (command) => command, work }: CommandDefinition<O>,
  ): void {
    options(parent.command(name).description(does))
      .addHelpText('after', `\nExample:\n  npm run ops -- ${example}`)
      .action(async (...given: unknown[]) => {
        const command = given.at(-1) as Command;
        await this.#run(command.processedArgs as string[], command.optsWithGlobals<O & GlobalOptions>(), work);
      });
  }

  async #run<O extends object>(args: readonly string[], options: O & GlobalOptions, work: Work<O>): Promise<void> {
    const { region, json = false, by } = options;
    if (by !== undefined && !/^[\w.@+-]{1,100}$/.test(by))
      throw new ConfigError('--by: letters, digits and . @ + - _ only, at most 100');
    const environment = environmentOf(this.#env, region);
    const session = new Session({
      config: readReplicatorConfig(environment),
      agentSecret: environment['TSG_AGENT_SECRET'] || undefined,
      by: by ?? null,
      signal: this.#signal,
    });
    try {
      const report = await work(session, args, options);
      const text = json ? `${JSON.stringify({ region: session.region, ...report.json }, null, 2)}\n` : report.text;
      this.#outcome.print(text);
      this.#outcome.exitCode = report.exitCode;
    } finally {
      await session.close();
    }
  }
}
