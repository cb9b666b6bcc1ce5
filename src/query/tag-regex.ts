// Regular expressions over the values of a tag. RE2 takes time linear in the text, whatever the expression; it is anchored at both ends.

import { setImmediate } from 'node:timers/promises';
import { RE2JS, RE2JSException } from 're2js';
import { apiError } from '../base/errors.ts';
import type { SeriesDefinition, TagValues } from '../kdb/engine.ts';
import { SpecFault } from './fault.ts';
import type { Where } from './request.ts';
import type { TagMatches } from './where.ts';

const maxLength = 200;
/** Instructions. RE2 unrolls repetitions; \p{L}{1000} compiles in 0.1 s and takes 0.5 s for 1,000 characters. */
const maxProgram = 1_000;
const limitMs = 2_000;
/** The event loop is held for so long at most. */
const sliceMs = 10;

interface Expression {
  readonly tag: string;
  readonly text: string;
  readonly pattern: RE2JS;
}

/** Every expression of the filter, compiled. */
export function expressionsOf(series: SeriesDefinition, where: Where | undefined, path = 'where'): Expression[] {
  if (where === undefined) return [];
  const { and, or, not, tag, op, value } = where;
  if (tag !== undefined && op === 'regex' && typeof value === 'string' && series.tags.includes(tag))
    return [{ tag, text: value, pattern: compile(value, `${path}.value`) }];
  return [
    ...(and ?? []).flatMap((node, i) => expressionsOf(series, node, `${path}.and[${i}]`)),
    ...(or ?? []).flatMap((node, i) => expressionsOf(series, node, `${path}.or[${i}]`)),
    ...(not ? expressionsOf(series, not, `${path}.not`) : []),
  ];
}

function compile(text: string, path: string): RE2JS {
  if (text.length > maxLength) throw new SpecFault(path, `is longer than ${maxLength} characters`);
  try {
    const pattern = RE2JS.compile(text);
    if (pattern.programSize() > maxProgram) throw new SpecFault(path, 'has too many repetitions');
    return pattern;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new SpecFault(path, `is no regular expression (RE2): ${error.message}`);
  }
}

/** Which of the values each expression matches. */
export async function matchTags(
  expressions: readonly Expression[],
  tags: readonly TagValues[],
  signal?: AbortSignal,
): Promise<TagMatches> {
  const found = new Map<string, readonly string[]>();
  const startedMs = performance.now();
  let pausedMs = startedMs;
  for (const { tag, text, pattern } of expressions) {
    const matching: string[] = [];
    // A point without the tag has it empty.
    for (const value of ['', ...(tags.find((each) => each.tag === tag)?.values ?? [])]) {
      if (pattern.matches(value)) matching.push(value);
      const nowMs = performance.now();
      if (nowMs - pausedMs < sliceMs) continue;
      if (nowMs - startedMs > limitMs) throw apiError('RegexTooLong', { tag, limitMs });
      await setImmediate();
      signal?.throwIfAborted();
      pausedMs = performance.now();
    }
    found.set(keyOf(tag, text), matching);
  }
  return (tag, text) => found.get(keyOf(tag, text))!;
}

/** Of a filter without any. */
export const noMatches: TagMatches = () => [];

function keyOf(tag: string, text: string): string {
  return `${tag}\0${text}`;
}
