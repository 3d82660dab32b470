// debian - a small Debian root file system, made once with debootstrap and kept as a tarball.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hasProgram, run } from './run.js'
import { repoPath } from './subject.js'

/** minbase: nothing but what apt needs. tools: the same with a compiler, git and SQLite already in it. */
export type RootKind = 'minbase' | 'tools'

const kSuite = 'bookworm'
const kFallbackMirror = 'http://deb.debian.org/debian'
const kIncludes: Record<RootKind, readonly string[]> = {
  minbase: [],
  tools: ['gcc', 'libc6-dev', 'git', 'sqlite3'],
}
const kHostPrograms: Record<string, string> = {
  debootstrap: 'debootstrap',
  getfattr: 'attr',
  setfacl: 'acl',
  bwrap: 'bubblewrap',
  zstd: 'zstd',
}
const kInstallTimeoutMs = 600_000

export const cacheDirectory = repoPath('build', 'scenario')

export function installHostPrograms(): void {
  const missing = Object.entries(kHostPrograms).filter(([program]) => !hasProgram(program))
  if (missing.length === 0) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const packages = missing.map(([, name]) => name)
  run('apt-get', ['update', '-q'], { timeoutMs: kInstallTimeoutMs, env })
  run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], { timeoutMs: kInstallTimeoutMs, env })
}

/** The tarball of this kind of root, made by debootstrap when it is not there yet. `scratch` needs 1 GB. */
export function rootTarball(kind: RootKind, scratch: string): string {
  const tarball = join(cacheDirectory, `${kSuite}-${kind}.tar.zst`)
  if (existsSync(tarball)) return tarball
  mkdirSync(cacheDirectory, { recursive: true })
  const tree = join(scratch, `debootstrap-${kind}`)
  const includes = kIncludes[kind]
  const flags = includes.length === 0 ? [] : [`--include=${includes.join(',')}`]
  run('debootstrap', ['--variant=minbase', ...flags, kSuite, tree, hostMirror()], { timeoutMs: kInstallTimeoutMs })
  rmSync(join(tree, 'var/cache/apt/archives'), { recursive: true })
  mkdirSync(join(tree, 'var/cache/apt/archives/partial'), { recursive: true })
  // A reader of the cache never sees half a tarball: it gets its name when it is complete.
  const partial = `${tarball}.${process.pid}.partial`
  run('tar', ['-C', tree, ...tarPreserve, '-I', 'zstd -q -T0', '-cf', partial, '.'], { timeoutMs: kInstallTimeoutMs })
  renameSync(partial, tarball)
  rmSync(tree, { recursive: true })
  return tarball
}

/** Keeps times to the nanosecond, holes, owners by number, ACLs and every extended attribute. */
export const tarPreserve = ['--format=posix', '--sparse', '--numeric-owner', '--acls', '--xattrs', '--xattrs-include=*']

export function unpack(tarball: string, into: string): void {
  mkdirSync(into, { recursive: true })
  run('tar', ['-C', into, ...tarPreserve, '-xpf', tarball])
}

/** The mirror this machine's apt uses, so that the scenario works wherever apt does. */
function hostMirror(): string {
  for (const file of ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']) {
    if (!existsSync(file)) continue
    const text = readFileSync(file, 'utf8')
    const found = /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+)/m.exec(text)?.[1]
    if (found !== undefined && /^https?:/.test(found)) return found
  }
  return kFallbackMirror
}
