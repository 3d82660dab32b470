// parse - command line to command, options and positionals, by the table in config/options.
import { commands, findCommand, valueLabel, type CommandRow, type OptionRow } from '../config/options.js'
import { UnionfsError } from '../errors.js'
import { insteadOf } from './foreign-options.js'

export type Invocation =
  | { readonly kind: 'run'; readonly command: CommandRow; readonly args: Arguments }
  | { readonly kind: 'help'; readonly command: CommandRow | undefined }
  | { readonly kind: 'version' }

export class Arguments {
  constructor(
    readonly positionals: readonly string[],
    private readonly values: ReadonlyMap<string, string | boolean>,
  ) {}

  // Undefined when it was not given, which lets a default depend on who asks.
  flag(name: string): boolean | undefined {
    const value = this.values.get(name)
    return typeof value === 'boolean' ? value : undefined
  }

  text(name: string): string | undefined {
    const value = this.values.get(name)
    return typeof value === 'string' ? value : undefined
  }

  // The parser checked that it is one.
  integer(name: string): number | undefined {
    const value = this.text(name)
    return value === undefined ? undefined : Number(value)
  }

  // Precondition: the option's choices in the table are `choices`.
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name)
    return choices.find((choice) => choice === value)
  }
}

export function parseCommandLine(argv: readonly string[]): Invocation {
  const [first, ...rest] = argv
  if (first === undefined) throw usageError('no command is given')
  if (first === '--help' || first === '-h') return { kind: 'help', command: undefined }
  if (first === '--version' || first === '-V') return { kind: 'version' }
  const command = findCommand(first)
  if (command === undefined) {
    throw usageError(first.startsWith('-') ? `unknown option ${first}${didYouMean(first, ['--help', '--version'])}` : `unknown command ${JSON.stringify(first)}${didYouMean(first, commands.map((row) => row.name))}`)
  }
  return parseCommand(command, rest)
}

function parseCommand(command: CommandRow, words: readonly string[]): Invocation {
  const positionals: string[] = []
  const values = new Map<string, string | boolean>()
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (word === '--') {
      positionals.push(...words.slice(i + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word)
      continue
    }
    const { option, negated, attached } = findOption(command, word, words[i + 1])
    if (option.name === 'help') return { kind: 'help', command }
    if (option.type === 'flag') {
      if (attached !== undefined) throw usageError(`--${option.name} takes no value`, command)
      values.set(option.name, !negated)
      continue
    }
    const value = attached ?? words[++i]
    if (value === undefined || value === '' || (attached === undefined && value.startsWith('-'))) {
      throw usageError(`--${option.name} needs a value: --${option.name}${valueLabel(option)}`, command)
    }
    checkValue(command, option, value)
    values.set(option.name, value)
  }
  checkPositionals(command, positionals)
  return { kind: 'run', command, args: new Arguments(positionals, values) }
}

function checkPositionals(command: CommandRow, given: readonly string[]): void {
  const { name, required, most } = command
  const missing = required.slice(given.length)
  if (missing.length > 0) throw usageError(`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`, command)
  const empty = given.indexOf('')
  // An unset variable of a script; resolved, it would be the working directory.
  if (empty >= 0) throw usageError(`argument ${empty + 1} is empty`, command)
  if (given.length > most) throw usageError(`${JSON.stringify(given[most])} is one argument too many${name === 'mount' ? ' (lowers are joined by colons: a:b:c)' : ''}`, command)
}

function findOption(command: CommandRow, word: string, next: string | undefined): { option: OptionRow; negated: boolean; attached: string | undefined } {
  const equals = word.indexOf('=')
  const attached = equals < 0 ? undefined : word.slice(equals + 1)
  const key = equals < 0 ? word : word.slice(0, equals)
  for (const option of command.options) {
    if (key === `--${option.name}` || (option.short !== undefined && key === `-${option.short}`)) return { option, negated: false, attached }
    if (option.negatable === true && key === `--no-${option.name}`) return { option, negated: true, attached }
  }
  const otherwise = command.name === 'mount' ? insteadOf(word, next) : undefined
  if (otherwise !== undefined) throw usageError(`unknown option ${key}; ${otherwise}`, command)
  throw usageError(`unknown option ${key}${didYouMean(key, command.options.map((option) => `--${option.name}`))}`, command)
}

function checkValue(command: CommandRow, option: OptionRow, value: string): void {
  if (option.type === 'choice' && option.choices?.includes(value) !== true) {
    throw usageError(`--${option.name} is one of ${option.choices?.join(', ') ?? ''}, not ${JSON.stringify(value)}`, command)
  }
  if (option.type !== 'integer') return
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = option
  if (!(number >= min && number <= max)) throw usageError(`--${option.name} is a number from ${min} to ${max}, not ${JSON.stringify(value)}`, command)
}

export function usageError(message: string, command?: CommandRow): UnionfsError {
  const help = command === undefined ? 'unionfs --help' : `unionfs ${command.name} --help`
  return new UnionfsError('USAGE', message, { remedy: `see \`${help}\`` })
}

// One edit away, or a beginning.
function didYouMean(word: string, known: readonly string[]): string {
  const close = known.find((name) => (word.length > 1 && name.startsWith(word)) || isOneEdit(word, name))
  return close === undefined ? '' : ` (${close}?)`
}

function isOneEdit(a: string, b: string): boolean {
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let enda = a.length
  let endb = b.length
  while (enda > start && endb > start && a[enda - 1] === b[endb - 1]) {
    enda--
    endb--
  }
  return Math.max(enda - start, endb - start) <= 1 || (enda - start === 2 && endb - start === 2 && a[start] === b[endb - 1] && b[start] === a[enda - 1])
}
