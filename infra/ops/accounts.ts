import { Argument, Option } from 'commander';
import { apiError } from '../../src/base/errors.ts';
import { nameFault } from '../../src/base/limits.ts';
import { limitsOf, type PlanName, planNames } from '../../src/management/plans.ts';
import type { Account } from '../../src/management/records.ts';
import { localAccount } from '../../src/management/tokens.ts';
import type { Commands } from './command.ts';
import { age } from './figures.ts';
import { wholeNumber } from './options.ts';
import { listReport, type Report, recordReport } from './report.ts';
import type { Session } from './session.ts';
import { everyAccount, findAccount } from './subjects.ts';

const hourMs = 3_600_000;
const defaultGraceHours = 7 * 24;
const maxGraceHours = 90 * 24;

export function accountCommands(commands: Commands): void {
  const accounts = commands.group('accounts', 'customers: list, create, show, change, suspend, close');

  commands.add(accounts, {
    name: 'list',
    does: 'every account, by status and name',
    example: 'accounts list',
    work: async (session) => {
      const all = await Array.fromAsync(everyAccount(session));
      return listReport(all, {
        id: ({ id }) => id,
        name: ({ name }) => name,
        status: ({ status }) => status,
        plan: ({ plan }) => plan,
        'over storage': ({ overStorageBytes }) => (overStorageBytes === null ? null : 'yes'),
        age: ({ createdAt }) => age(createdAt, Date.now()),
      });
    },
  });

  commands.add<{ plan?: PlanName }>(accounts, {
    name: 'create <name>',
    does: 'a new account and its first token; the token is shown this once',
    example: 'accounts create acme --plan large',
    options: (command) => command.addOption(new Option('--plan <plan>', 'standard, when not given').choices(planNames)),
    work: async (session, [name], { plan }) => {
      requireName(name!);
      const created = await session.management.accounts.createAccount(name!, session.actor, {
        ...(plan !== undefined && { plan }),
      });
      return recordReport({ ...shownAccount(created.account), token: created.secret });
    },
  });

  commands.add(accounts, {
    name: 'show <account>',
    does: 'an account, by its id or its name, with its limits',
    example: 'accounts show acme',
    work: async (session, [wanted]) => recordReport(shownAccount(await findAccount(session, wanted))),
  });

  commands.add(accounts, {
    name: 'suspend <account>',
    does: 'it can be looked at, and takes no data, queries or changes',
    example: 'accounts suspend acme',
    work: (session, [wanted]) => setStatus(session, wanted!, 'suspended'),
  });

  commands.add(accounts, {
    name: 'resume <account>',
    does: 'opens an account again that is suspended or closing',
    example: 'accounts resume acme',
    work: (session, [wanted]) => setStatus(session, wanted!, 'active'),
  });

  commands.add<{ confirm: string; graceHours?: number }>(accounts, {
    name: 'close <account>',
    does: 'its tokens end at once; when the grace period is over, a task removes what it has',
    example: 'accounts close acme --confirm acme --grace-hours 24',
    options: (command) =>
      command
        .requiredOption('--confirm <name>', "the account's name again")
        .option('--grace-hours <hours>', 'until everything is removed (168)', wholeNumber(0, maxGraceHours)),
    work: async (session, [wanted], { confirm, graceHours = defaultGraceHours }) => {
      const account = await findAccount(session, wanted);
      refuseOperators(account);
      requireConfirmed(account.name, confirm);
      const { accounts: stored } = session.management;
      const { account: closing, task } = await stored.requestClose(account.id, graceHours * hourMs, session.actor);
      if (graceHours === 0) await session.announce(task);
      return recordReport({ ...shownAccount(closing), task: task.id });
    },
  });

  commands.add(accounts, {
    name: 'set-plan <account>',
    does: 'changes the plan; limits of its own stay',
    example: 'accounts set-plan acme large',
    options: (command) => command.addArgument(new Argument('<plan>').choices(planNames)),
    work: async (session, [wanted, plan]) => {
      const { id } = await findAccount(session, wanted);
      const { accounts: stored } = session.management;
      return recordReport(shownAccount(await stored.changeAccount(id, { plan: plan as PlanName }, session.actor)));
    },
  });
}

async function setStatus(session: Session, wanted: string, status: 'active' | 'suspended'): Promise<Report> {
  const account = await findAccount(session, wanted);
  refuseOperators(account);
  const { accounts } = session.management;
  return recordReport(shownAccount(await accounts.changeAccount(account.id, { status }, session.actor)));
}

export function requireName(name: string): void {
  const reason = nameFault(name);
  if (reason) throw apiError('InvalidName', { name, reason });
}

/** What cannot be taken back is named twice. */
export function requireConfirmed(name: string, confirm: string): void {
  if (confirm !== name)
    throw apiError('InvalidRequest', { reason: `--confirm says ${confirm}, and this is ${name}; nothing was done` });
}

/** As the API does. */
function refuseOperators({ id }: Account): void {
  if (id === localAccount)
    throw apiError('InvalidRequest', {
      reason: `account ${id} is the operator's own; it can be neither suspended nor closed`,
    });
}

function shownAccount(account: Account): object {
  const { limits: overrides, ...shown } = account;
  return { ...shown, overrides, limits: limitsOf(account) };
}
