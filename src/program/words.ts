// words - the words of a mount program's command line: option lists, positionals and switches, in any order.
import { UnionfsError } from '../errors.js'
import { splitOptions } from './option-list.js'

export interface ProgramWords {
  readonly wants: 'mount' | 'help' | 'version' | 'nothing' // nothing: mount(8) asks for everything but the mount
  readonly options: readonly string[] // of all lists, in order
  readonly source: string | undefined
  readonly mountpoint: string // empty when none was given
  readonly foreground: boolean
  readonly debug: boolean
  readonly ignored: readonly string[] // switches nobody knows
}

// Helpers of mount(8) are called with switches of its own, where -f means another thing (mount(8), "external helpers").
export function isMountHelper(calledAs: string): boolean {
  return calledAs.startsWith('mount.')
}

export function readWords(calledAs: string, argv: readonly string[]): ProgramWords {
  const helper = isMountHelper(calledAs)
  const options: string[] = []
  const positionals: string[] = []
  const ignored: string[] = []
  let wants: ProgramWords['wants'] = 'mount'
  let foreground = false
  let debug = false
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--') {
      positionals.push(...argv.slice(i + 1))
      break
    }
    const list = optionList(word)
    if (list !== undefined) options.push(...splitOptions(list !== '' ? list : nextWord(argv, ++i, word)))
    else if (word === '-h' || word === '--help') wants = 'help'
    else if (word === '-V' || word === '--version') wants = wants === 'help' ? wants : 'version'
    else if (word === '-d' || word === '--debug') debug = true
    else if (word === '-f') {
      if (helper) wants = 'nothing'
      else foreground = true
    } else if (helper && (word === '-t' || word === '-N')) i++
    else if (helper && /^-[snvrw]+$/.test(word)) {
      for (const letter of word.slice(1)) if (letter === 'r' || letter === 'w') options.push(letter === 'r' ? 'ro' : 'rw')
    } else if (word.startsWith('-') && word !== '-') ignored.push(word)
    else positionals.push(word)
  }
  const mountpoint = positionals.at(-1) ?? ''
  if (positionals.length > 2) throw usage(`${positionals.length} arguments are given (${positionals.map((word) => JSON.stringify(word)).join(', ')})`)
  return { wants, options, source: positionals.length === 2 ? positionals[0] : undefined, mountpoint, foreground, debug, ignored }
}

// What stands behind -o in the same word; empty: it is the next one; undefined: this is no option list.
function optionList(word: string): string | undefined {
  if (word.startsWith('-o')) return word.slice(2)
  if (word === '--options') return ''
  return word.startsWith('--options=') ? word.slice('--options='.length) : undefined
}

function nextWord(argv: readonly string[], at: number, word: string): string {
  const next = argv[at]
  if (next === undefined) throw usage(`${word} needs a list of options`)
  return next
}

export function usage(message: string): UnionfsError {
  return new UnionfsError('INVALID', message, { remedy: 'write: [SOURCE] MOUNTPOINT -o lowerdir=A[:B...][,upperdir=U,workdir=W]; --help lists the options' })
}
