import { apiError } from '../../src/base/errors.ts';
import { limitsOf } from '../../src/management/plans.ts';
import { type Scope, scopes, type Token } from '../../src/management/records.ts';
import { requireName } from './accounts.ts';
import type { Commands } from './command.ts';
import { age } from './figures.ts';
import { futureTime, names } from './options.ts';
import { listReport, recordReport } from './report.ts';
import type { Session } from './session.ts';
import { type AccountOption, findAccount } from './subjects.ts';

interface NewToken extends AccountOption {
  readonly scopes?: string[];
  readonly databases?: string[];
  readonly expires?: string;
}

export function tokenCommands(commands: Commands): void {
  const tokens = commands.group('tokens', 'of an account: list, create, revoke');
  const account = ['--account <account>', "id or name; the operator's own when not given"] as const;

  commands.add<AccountOption>(tokens, {
    name: 'list',
    does: 'the tokens of an account, the oldest first; nobody can see a secret again',
    example: 'tokens list --account acme',
    options: (command) => command.option(...account),
    work: async (session, _args, { account: wanted }) => {
      const { id } = await findAccount(session, wanted);
      const all = (await Array.fromAsync(pages(session, id))).flat();
      return listReport(all.map(shownToken), {
        id: ({ id: token }) => token,
        name: ({ name }) => name,
        scopes: (token) => token.scopes.join(','),
        user: ({ userId }) => userId,
        databases: ({ databases }) => databases?.join(',') ?? 'all',
        expires: ({ expiresAt }) => expiresAt,
        age: ({ createdAt }) => age(createdAt, Date.now()),
      });
    },
  });

  commands.add<NewToken>(tokens, {
    name: 'create <name>',
    does: "a token of the account's own; its secret is shown this once",
    example: 'tokens create telegraf --account acme --scopes write --databases plant',
    options: (command) =>
      command
        .option(...account)
        .option('--scopes <scopes>', `some of ${scopes.join(',')}; all when not given`, names)
        .option('--databases <names>', 'that it is good for; all when not given', names)
        .option('--expires <time>', 'ISO 8601; never when not given', futureTime),
    work: async (session, [name], options) => {
      const { databases = null, expires = null } = options;
      const wanted = options.scopes ?? [...scopes];
      for (const each of [name!, ...(databases ?? [])]) requireName(each);
      const unknown = wanted.find((scope) => !scopes.includes(scope as Scope));
      if (unknown !== undefined || wanted.length === 0)
        throw apiError('InvalidRequest', { reason: `--scopes: ${unknown ?? 'none'} is none of ${scopes.join(', ')}` });
      const owner = await findAccount(session, options.account);
      const { token, secret } = await session.management.tokens.createToken(
        {
          ...{ accountId: owner.id, userId: null, name: name!, scopes: wanted as Scope[], databases },
          ...{ expiresAt: expires, maxTokens: limitsOf(owner).tokens },
        },
        session.actor,
      );
      return recordReport({ ...shownToken(token), secret });
    },
  });

  commands.add<AccountOption>(tokens, {
    name: 'revoke <token>',
    does: 'ends a token, by its id: every API of every region refuses it within a second',
    example: 'tokens revoke 5f0c… --account acme',
    options: (command) => command.option(...account),
    work: async (session, [token], { account: wanted }) => {
      const { id } = await findAccount(session, wanted);
      await session.management.tokens.revokeToken(id, token!, session.actor);
      return recordReport({ revoked: token });
    },
  });
}

async function* pages(session: Session, accountId: string): AsyncGenerator<readonly Token[]> {
  let after: string | undefined;
  do {
    const { records, next } = await session.management.tokens.pageOfTokens(accountId, after);
    yield records;
    after = next ?? undefined;
  } while (after !== undefined);
}

function shownToken({ hash: _hash, ...token }: Token): Omit<Token, 'hash'> {
  return token;
}
