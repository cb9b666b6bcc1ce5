import { encodeMessage } from '../codec.ts';
import { CodecError } from '../codec-error.ts';
import { type CallName, calls } from '../contract.ts';
import { EngineError } from '../engine-error.ts';
import { messageKinds } from '../frame.ts';
import { QError, type QValue, Sym } from '../qvalue.ts';
import { type CallCodec, GrammarFault, list } from './grammar.ts';

/** The message that makes a call: (name; arguments…). */
export function requestFrame<Arguments, Reply>(codec: CallCodec<Arguments, Reply>, given: Arguments): Buffer {
  try {
    return encodeMessage(messageKinds.sync, [new Sym(codec.name), ...codec.encodeArguments(given)]);
  } catch (error) {
    throw badCall(codec.name, error);
  }
}

/** Which call a message makes. Text (a char vector) and whatever is not in the contract is refused here. */
export function readRequest(value: QValue | QError): { name: CallName; given: readonly QValue[] } {
  if (value instanceof QError) throw new EngineError('BadCall', 'a request is no error');
  let name: QValue | undefined;
  let given: readonly QValue[] = [];
  try {
    [name, ...given] = list(value, 'the request');
  } catch (error) {
    throw badCall('message', error);
  }
  if (!(name instanceof Sym) || !Object.hasOwn(calls, name.name))
    throw new EngineError('BadCall', 'only the calls of the contract are answered');
  return { name: name.name as CallName, given };
}

/** A fault in what the caller gave, as the caller sees it; any other error stays what it is. */
export function badCall(name: string, error: unknown): unknown {
  return isFault(error) ? new EngineError('BadCall', `${name}: ${error.message}`) : error;
}

/** A fault in what the database answered; any other error stays what it is. */
export function badReply(error: unknown): unknown {
  return isFault(error) ? new EngineError('InternalError', `the reply is wrong: ${error.message}`) : error;
}

function isFault(error: unknown): error is Error {
  return error instanceof GrammarFault || error instanceof CodecError;
}
