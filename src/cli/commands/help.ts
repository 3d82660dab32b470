// help - shows the commands, or one of them.
import { findCommand } from '../../config/options.js'
import type { Command } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { commandHelp, overview } from '../help.js'
import { usageError } from '../parse.js'

export const helpCommand: Command = {
  name: 'help',
  run({ output }, args) {
    const name = args.positionals[0]
    const command = name === undefined ? undefined : findCommand(name)
    if (name !== undefined && command === undefined) throw usageError(`unknown command ${JSON.stringify(name)}`)
    output.out(command === undefined ? overview() : commandHelp(command))
    return Promise.resolve(exitCodes.ok)
  },
}
