// Runs the scripts of an instance, as its launch template has them, where every program that would touch the machine or AWS is a stand-in.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Template } from 'aws-cdk-lib/assertions';
import { findProgram } from '../../programs.ts';
import { deploymentOf, regionOf, synthesise } from './synthesis.ts';

export type Kind = 'Api' | 'Workers' | 'Hosts';

const real = [
  'awk',
  'base64',
  'basename',
  'bash',
  'cat',
  'chmod',
  'gzip',
  'head',
  'install',
  'mkdir',
  'rm',
  'sed',
  'tar',
  'tr',
  'wc',
];

/** Each sees its arguments in `$*`, and what is there in the folder `$S`. */
const standIns: Readonly<Record<string, string>> = {
  aws: `case "$*" in
  secretsmanager*) cat "$S/secrets/$(basename "$4")" 2>/dev/null || echo "hidden-$(basename "$4")" ;;
  'ssm get-parameter'*) echo registry.test/tsg@sha256:agent ;;
  'ecr get-login-password'*) echo hidden-login ;;
  'ec2 describe-volumes'*)
    head -n 1 "$S/volumes/$4"
    # The last line stays.
    if [ "$(wc -l < "$S/volumes/$4")" -gt 1 ]; then sed -i 1d "$S/volumes/$4"; fi ;;
  'ec2 attach-volume'*) echo "in-use i-1" > "$S/volumes/$4" ;;
  'cloudformation signal-resource'*) [ ! -e "$S/nobody-waits" ] ;;
  's3 cp'*) tar -cz -C "$S/archive" q ;;
  *) echo "unknown: aws $*" >&2; exit 99 ;;
esac`,
  blkid: `[ ! -e "$S/blkid-$(basename "$2")" ] || exit "$(cat "$S/blkid-$(basename "$2")")"
read -r -n 4 magic < "$2" 2> /dev/null
[ "$magic" = XFSB ] || exit 2`,
  chown: '',
  curl: `case "$*" in
  *api/token*) echo token ;;
  */meta-data/instance-id) echo i-1 ;;
  */placement/availability-zone) echo eu-west-1b ;;
  */local-ipv4) echo 10.1.2.3 ;;
  *) [ ! -e "$S/not-ready" ] ;;
esac`,
  dnf: '',
  docker: `case "$1" in login) cat > /dev/null ;; pull) [ ! -e "$S/no-image" ] ;; esac`,
  lsblk: `if [ -s "$S/late" ]; then sed -i 1d "$S/late"; exit 0; fi
for volume in "$S"/volumes/*; do
  name=\${volume##*/}
  echo "$S/dev/$name \${name//-/}"
done`,
  'mkfs.xfs': `printf XFSB > "$2"`,
  mount: `echo "\${@: -1}" >> "$S/mounted"`,
  mountpoint: `while read -r path; do [ "$path" != "$2" ] || exit 0; done < "$S/mounted"; exit 1`,
  shutdown: '',
  sleep: '',
  sysctl: '',
  systemctl: '',
};

let template: Template | undefined;

/** With every reference in it as `<name>`. */
export function userDataOf(kind: Kind): string {
  template ??= synthesise(deploymentOf(regionOf('eu-west-1', 1))).templates.get('tsg-eu-west-1')!;
  const templates = Object.entries(template.findResources('AWS::EC2::LaunchTemplate'));
  const [, { Properties }] = templates.find(([id]) => id.startsWith(kind))!;
  return textOf(Properties.LaunchTemplateData.UserData['Fn::Base64']);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[how, of]] = Object.entries(value as Record<string, unknown>) as [[string, never]];
  if (how === 'Fn::Join') return (of[1] as unknown[]).map(textOf).join(of[0]);
  const name = how === 'Ref' ? (of as string) : (of[0] as string);
  // Ids of volumes are what is told of them.
  const volume = /v(\d+)[0-9A-F]{8}$/.exec(name);
  return volume ? `vol-0${volume[1]}` : name.replaceAll(/\W/g, '');
}

/** The shell script among the parts. */
export function scriptOf(userData: string): string {
  return userData.slice(userData.indexOf('#!/bin/bash'), userData.lastIndexOf('--//--'));
}

export interface Boot {
  readonly status: number | null;
  readonly output: string;
}

export class Instance {
  readonly folder = mkdtempSync(join(tmpdir(), 'tsg-instance-'));

  constructor() {
    for (const name of [
      'bin',
      'volumes',
      'dev',
      'secrets',
      'archive/q',
      'run/systemd/system',
      'sys/kernel/mm/transparent_hugepage',
    ])
      mkdirSync(join(this.folder, name), { recursive: true });
    for (const name of real) symlinkSync(findProgram(name)!, join(this.folder, 'bin', name));
    for (const [name, text] of Object.entries(standIns)) {
      const script = `#!/bin/bash\nS=${this.folder}\necho "${name} $*" >> $S/calls\n${text}\n`;
      writeFileSync(join(this.folder, 'bin', name), script, { mode: 0o755 });
    }
    for (const name of ['calls', 'mounted', 'archive/q/q.k']) this.write(name, '');
    this.write('secrets/loggly-token', 'none\n');
    // "licence", as it is stored.
    this.write('secrets/q-licence', 'aGlkZGVuLWxpY2VuY2U=\n');
    for (let i = 0; i < 4; i++) {
      this.write(`volumes/vol-0${i}`, 'available None\n');
      this.write(`dev/vol-0${i}`, '\0'.repeat(4096));
    }
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  read(name: string): string {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** What was called, in order: program and arguments. */
  calls(program: string): string[] {
    return this.read('calls')
      .split('\n')
      .filter((line) => line.startsWith(`${program} `))
      .map((line) => line.replaceAll(this.folder, ''));
  }

  boot(kind: Kind, change: (script: string) => string = (script) => script): Boot {
    const script = change(scriptOf(userDataOf(kind))).replaceAll(
      /(?<![\w-])\/(run\/|data\b|sys\/|opt\/)/g,
      `${this.folder}/$1`,
    );
    this.write('script', script);
    const { status, stdout, stderr } = spawnSync('/bin/bash', [join(this.folder, 'script')], {
      encoding: 'utf8',
      env: { PATH: join(this.folder, 'bin') },
      timeout: 60_000,
    });
    return { status, output: stdout + stderr };
  }

  /** What is in memory is gone, and nothing is mounted any more. */
  reboot(): void {
    rmSync(join(this.folder, 'run'), { recursive: true });
    mkdirSync(join(this.folder, 'run/systemd/system'), { recursive: true });
    for (const name of ['calls', 'mounted']) this.write(name, '');
  }

  environment(): Record<string, string> {
    const lines = this.read('run/tsg/environment').split('\n').filter(Boolean);
    assertUnique(lines.map((line) => line.slice(0, line.indexOf('='))));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

function assertUnique(names: readonly string[]): void {
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  if (twice.length > 0) throw new Error(`told twice: ${twice}`);
}

export function shellcheck(script: string): string {
  const { stdout } = spawnSync('shellcheck', ['--severity=style', '-'], { input: script, encoding: 'utf8' });
  return stdout;
}
