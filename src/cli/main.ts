// main - the command line: argv in, exit code out. The only place that decides how the process ends.
import { fstatSync } from 'node:fs'
import { basename } from 'node:path'
import { commands, findCommand } from '../config/options.js'
import { packageVersion } from '../config/version.js'
import { isProgramForm } from '../program/form.js'
import type { Command } from './command.js'
import { exitCodeOf, exitCodes } from './exit-codes.js'
import { commandHelp, overview } from './help.js'
import { formatError, StarterOutput, StdioOutput, type Output } from './output.js'
import { parseCommandLine, usageError } from './parse.js'

// A command is loaded when it is used: starting a mount must not pay for the others.
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  mount: async () => (await import('./commands/mount.js')).mountCommand,
  umount: async () => (await import('./commands/umount.js')).umountCommand,
  status: async () => (await import('./commands/status.js')).statusCommand,
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand,
  seal: async () => (await import('./commands/seal.js')).sealCommand,
  index: async () => (await import('./commands/index-command.js')).indexCommand,
  help: async () => (await import('./commands/help.js')).helpCommand,
}

// The name the starter was called by; run by hand through node, it is node's.
const calledAs = basename(process.argv0)

async function run(argv: readonly string[], output: Output, inDaemon: boolean): Promise<number> {
  if (isProgramForm(calledAs, argv, commands.map((command) => command.name))) {
    return (await import('./commands/mount-program.js')).runMountProgram({ output, inDaemon }, calledAs, argv)
  }
  const invocation = parseCommandLine(argv)
  switch (invocation.kind) {
    case 'version':
      output.out(`unionfs ${packageVersion()}`)
      return exitCodes.ok
    case 'help':
      output.out(invocation.command === undefined ? overview() : commandHelp(invocation.command))
      return exitCodes.ok
    case 'run': {
      const load = loaders[invocation.command.name]
      if (load === undefined) throw usageError(`unknown command ${invocation.command.name}`, findCommand('help'))
      return (await load()).run({ output, inDaemon }, invocation.args)
    }
  }
}

// The descriptor the starter left for us, if it is there; the variable is not handed on to children.
function takeStarterFd(): number | undefined {
  const text = process.env['UNIONFS_STARTER_FD']
  delete process.env['UNIONFS_STARTER_FD']
  if (text === undefined || !/^\d+$/.test(text)) return undefined
  return fstatSync(Number(text)).isFIFO() ? Number(text) : undefined
}

async function main(): Promise<never> {
  const starterFd = takeStarterFd()
  const output: Output = starterFd === undefined ? new StdioOutput() : new StarterOutput(starterFd)
  let exitCode: number
  try {
    exitCode = await run(process.argv.slice(2), output, starterFd !== undefined)
  } catch (error) {
    output.err(formatError(error))
    exitCode = exitCodeOf(error)
  }
  output.finish(exitCode)
  process.exit(exitCode)
}

void main()
