// request - what a mount program was asked for: its options read by the table, checked, with their defaults.
import type { OverrideMode } from '../config/options.js'
import { UnionfsError } from '../errors.js'
import { parseMapping, type IdRange } from './mapping.js'
import { nameAndValue, splitLowers, unescapeValue } from './option-list.js'
import { findProgramOption, type ProgramOption } from './table.js'
import { usage, type ProgramWords } from './words.js'

export interface ProgramRequest {
  readonly lowers: readonly string[]
  readonly upper: string | undefined
  readonly workdir: string | undefined
  readonly mountpoint: string
  readonly source: string | undefined
  readonly readOnly: boolean
  readonly foreground: boolean
  readonly debug: boolean
  readonly allowOther: boolean | undefined
  readonly dev: boolean
  readonly suid: boolean | undefined
  readonly exec: boolean
  readonly sync: boolean
  readonly writeback: boolean
  readonly timeoutSeconds: number | undefined
  readonly xattrs: boolean
  readonly acl: boolean
  readonly staticNlink: boolean
  readonly ino32: boolean
  readonly xinoRequired: boolean
  readonly uidMapping: readonly IdRange[]
  readonly gidMapping: readonly IdRange[]
  readonly squashUid: number | undefined
  readonly squashGid: number | undefined
  readonly override: OverrideMode
  // What is said on stderr and changes nothing else.
  readonly remarks: readonly string[]
}

const overrideModes: readonly OverrideMode[] = ['none', 'privileged', 'containers']
const largestId = 0xffff_fffe

export function readRequest(words: ProgramWords): ProgramRequest {
  const given = new Given(words)
  if (given.flag('remount') && words.mountpoint !== '') throw new UnionfsError('INVALID', `${words.mountpoint}: the options of a mount cannot be changed (remount)`, { remedy: 'unmount it, and mount it again with those you want' })
  const lowerdir = given.text('lowerdir')
  if (lowerdir === undefined || lowerdir === '') throw usage('no lowerdir specified')
  const lowers = splitLowers(lowerdir).filter((path) => path !== '')
  const plugin = lowers.find((path) => path.startsWith('//'))
  if (plugin !== undefined) throw new UnionfsError('INVALID', `${plugin} names a plugin, and there are none`, { remedy: 'write the path of a directory' })
  const upper = given.path('upperdir')
  const workdir = given.path('workdir')
  if (upper !== undefined && workdir === undefined) throw usage('workdir not specified')
  if (words.mountpoint === '') throw usage('no mount point specified')
  const squashRoot = given.flag('squash_to_root')
  return {
    lowers,
    upper,
    workdir: upper === undefined ? undefined : workdir,
    mountpoint: words.mountpoint,
    source: words.source,
    readOnly: upper === undefined || given.last(['ro', 'rw']) === 'ro',
    foreground: words.foreground || words.debug || given.flag('debug'),
    debug: words.debug || given.flag('debug'),
    allowOther: given.flag('allow_other') ? true : undefined,
    dev: given.last(['dev', 'nodev']) === 'dev',
    suid: asked(given.last(['suid', 'nosuid']), 'suid'),
    exec: given.last(['exec', 'noexec']) !== 'noexec',
    sync: given.switch('fsync', true) && !given.flag('volatile'),
    writeback: given.switch('writeback', true),
    timeoutSeconds: given.seconds('timeout'),
    xattrs: !given.switch('noxattrs', false),
    acl: !given.flag('noacl'),
    staticNlink: given.flag('static_nlink'),
    ino32: given.flag('ino32_t'),
    xinoRequired: given.text('xino') === 'on',
    uidMapping: given.mapping('uidmapping'),
    gidMapping: given.mapping('gidmapping'),
    squashUid: given.integer('squash_to_uid') ?? (squashRoot ? 0 : undefined),
    squashGid: given.integer('squash_to_gid') ?? (squashRoot ? 0 : undefined),
    override: overrideModes[Number(given.text('xattr_permissions') ?? 0)] ?? 'none',
    remarks: [...given.unknown.map((option) => `unknown argument ignored: ${option}`), ...(workdir !== undefined && upper === undefined ? ['workdir without upperdir: the mount is read-only'] : [])],
  }
}

function asked(word: string | undefined, name: string): boolean | undefined {
  return word === undefined ? undefined : word === name
}

// The options by name; of several with one name, the last.
class Given {
  readonly unknown: string[]
  readonly #values = new Map<string, string | undefined>()

  constructor(words: ProgramWords) {
    this.unknown = [...words.ignored]
    for (const text of words.options) {
      const { name, value } = nameAndValue(text)
      const option = findProgramOption(name)
      if (option === undefined) {
        if (!/^[xX]-/.test(name)) this.unknown.push(text)
      } else {
        this.#take(option, text, value)
      }
    }
  }

  #take(option: ProgramOption, text: string, value: string | undefined): void {
    const name = option.names[0] ?? ''
    if (option.type === 'flag' && value !== undefined) {
      this.unknown.push(text)
      return
    }
    if (option.type !== 'flag' && option.type !== 'switch' && option.type !== 'ignored' && value === undefined) throw usage(`${name} needs a value`)
    if (option.type === 'choice' && option.choices?.includes(value ?? '') !== true) throw usage(`${name} is one of ${option.choices?.join(', ') ?? ''}, not ${JSON.stringify(value)}`)
    this.#values.delete(name)
    this.#values.set(name, value)
  }

  flag(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string): string | undefined {
    return this.#values.get(name)
  }

  path(name: string): string | undefined {
    const value = this.text(name)
    return value === undefined || value === '' ? undefined : unescapeValue(value)
  }

  // Which of some options that contradict each other was written last.
  last(names: readonly string[]): string | undefined {
    return [...this.#values.keys()].filter((name) => names.includes(name)).at(-1)
  }

  switch(name: string, otherwise: boolean): boolean {
    if (!this.#values.has(name)) return otherwise
    const value = this.text(name) ?? '1'
    if (value !== '0' && value !== '1') throw usage(`${name} is 0 or 1, not ${JSON.stringify(value)}`)
    return value === '1'
  }

  integer(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!/^\d{1,10}$/.test(value) || Number(value) > largestId) throw usage(`${name} is the number of a user or group, not ${JSON.stringify(value)}`)
    return Number(value)
  }

  seconds(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!/^\d+(\.\d*)?(e\d+)?$|^\.\d+$/.test(value)) throw usage(`${name} is a number of seconds, not ${JSON.stringify(value)}`)
    return Number(value)
  }

  mapping(name: string): IdRange[] {
    const value = this.text(name)
    return value === undefined ? [] : parseMapping(name, value)
  }
}
