// help - help texts, made from the table of options.
import { commands, optionLabel, type CommandRow } from '../config/options.js'
import { programOptions } from '../program/table.js'

const width = 100

export function commandHelp(command: CommandRow): string {
  const lines = command.usage.map((usage, i) => `${i === 0 ? 'Usage:' : '   or:'} ${usage}`)
  lines.push('', ...wrap(command.description, width), '', 'Options:')
  for (const option of command.options) {
    lines.push(`  ${optionLabel(option)}`)
    const suffix = option.default === '' ? '' : ` Default: ${option.default}.`
    lines.push(...wrap(option.help + suffix, width - 6).map((line) => `      ${line}`))
  }
  return lines.join('\n')
}

export function overview(): string {
  const longest = Math.max(...commands.map((command) => command.name.length))
  return [
    'A union filesystem in user space: read-only layers and one copy-on-write upper in one mount.',
    '',
    ...commands.flatMap((command) => command.usage).map((usage, i) => `${i === 0 ? 'Usage:' : '      '} ${usage}`),
    '       unionfs --help | --version',
    '',
    'Commands:',
    ...commands.map((command) => `  ${command.name.padEnd(longest)}  ${command.summary}`),
    '',
    '`unionfs help COMMAND` tells more. Exit status: 0 done, 1 failed, 2 the command line is wrong.',
  ].join('\n')
}

export function programHelp(calledAs: string): string {
  const lines = [`Usage: ${calledAs} [SOURCE] MOUNTPOINT -o lowerdir=A[:B...][,upperdir=U,workdir=W][,OPTION...] [-f] [-d]`, '', 'Options:']
  for (const option of programOptions) {
    lines.push(`  ${option.names.join(', ')}${option.type === 'flag' || option.type === 'ignored' ? '' : '=VALUE'}`)
    const ignored = option.type === 'ignored' ? 'Ignored. ' : ''
    const suffix = option.default === '' ? '' : ` Default: ${option.default}.`
    lines.push(...wrap(ignored + option.help + suffix, width - 6).map((line) => `      ${line}`))
  }
  return lines.join('\n')
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  lines.push(line)
  return lines
}
