import type { Engine, SeriesInfo } from './engine.ts';
import { EngineError } from './engine-error.ts';

/** Null: the database does not have the series. */
export async function described(engine: Pick<Engine, 'describe'>, series: string): Promise<SeriesInfo | null> {
  try {
    return await engine.describe(series);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'SeriesNotFound') return null;
    throw error;
  }
}
