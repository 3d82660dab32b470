// exit-codes - what the command's exit status says. Numbered once; a number is never given another meaning.
import { UnionfsError } from '../errors.js'

export const exitCodes = {
  ok: 0,
  failure: 1, // one clear message is on stderr
  usage: 2, // the command line is wrong
} as const

export function exitCodeOf(error: unknown): number {
  return error instanceof UnionfsError && error.code === 'USAGE' ? exitCodes.usage : exitCodes.failure
}
