// command - what a verb of the command line is to main.ts.
import type { Output } from './output.js'
import type { Arguments } from './parse.js'

export interface Context {
  readonly output: Output
  readonly inDaemon: boolean // started by the starter, detached from the caller
}

export interface Command {
  readonly name: string
  // The exit code. Failures are thrown.
  run(context: Context, args: Arguments): Promise<number>
}
