// host - what this machine and given directories offer to a mount, and what follows from what is missing.
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { delimiter, join } from 'node:path'
import type { HostProbe, Outcome, PathProbe } from '../engine/contract.js'
import { explainDevice } from '../engine/fuse-device.js'
import { shellWord } from '../words.js'
import { kernelIsAtLeast, oldestKernel } from '../stack/kernel.js'

// good: as it should be. lacking: works, with the consequence told. bad: no mount is possible, or not here.
export type Verdict = 'good' | 'lacking' | 'bad'

export interface Check {
  readonly name: string
  readonly verdict: Verdict
  readonly found: string
  readonly consequence?: string // of not being good
}

const oldestProtocolMinor = 31
const wantedDescriptors = 10_000

// Only what cannot be tried is judged by the kernel's version.
const sinceKernel: readonly [release: string, without: string][] = [
  ['5.8', 'without root, removed names are marked by .wh.NAME files, which kernel overlayfs does not read (5.8)'],
  ['5.12', 'lowers are not taken as private clones, so what is mounted over a lower later shows, and no mount point may lie in a lower (5.12)'],
]

export function checkHost(probe: HostProbe): Check[] {
  return [kernelCheck(), deviceCheck(probe), protocolCheck(probe), rightsCheck(probe), passthroughCheck(probe), userNamespaceCheck(probe), fusermountCheck(probe), overlayCheck(), descriptorCheck()]
}

export function checkPath(probe: PathProbe): Check[] {
  const markFiles = 'as an upper: removed names are marked by .wh.NAME files, which kernel overlayfs does not read'
  const noMarks = 'as an upper: opaque directories are marked by a file, and copies have other inode numbers after the next mount'
  const userMarks = 'as an upper: marks are user.overlay.*, which kernel overlayfs reads with the mount option userxattr'
  const rows: [name: string, outcome: Outcome | undefined, consequence: string, bad?: boolean][] = [
    ['writable', probe.writable, 'it can be a lower, not an upper'],
    ['user xattrs', probe.xattrUser, 'as an upper: programs cannot set them, and copy-up loses them'],
    ['trusted xattrs', probe.xattrTrusted, isLacking(probe.xattrUser) ? noMarks : userMarks],
    ['POSIX ACLs', probe.acl, 'as an upper: none can be set, and files that have one cannot be copied up'],
    ['symbolic links', probe.symlink, 'it cannot be an upper', true],
    ['hard links', probe.hardlink, 'it cannot be an upper', true],
    ['O_TMPFILE', probe.tmpfile, 'as an upper: copies are staged under a name, and programs get EOPNOTSUPP for O_TMPFILE'],
    ['whiteout devices (mknod 0:0)', probe.whiteoutDevice, markFiles],
    ['RENAME_WHITEOUT', probe.renameWhiteout, markFiles],
    ['RENAME_EXCHANGE', probe.renameExchange, `${markFiles}; programs cannot exchange two names`],
    ['reflinks', probe.reflink, 'as an upper: copy-up copies the data instead of sharing it'],
    ['file handles', probe.fileHandles, 'as a lower: copied-up files have other inode numbers after the next mount'],
    ['birth time', probe.birthTime, 'statx shows none'],
  ]
  return rows
    .filter(([name, outcome]) => outcome !== undefined || name === 'writable')
    .map(([name, outcome = null, consequence, bad]) => {
      if (outcome === null) return { name, verdict: 'good', found: 'yes' }
      return { name, verdict: bad === true ? 'bad' : 'lacking', found: `no (${outcome})`, consequence }
    })
}

function isLacking(outcome: Outcome | undefined): boolean {
  return outcome !== null && outcome !== undefined
}

export function kernelCheck(present = release()): Check {
  const name = 'kernel'
  const found = `Linux ${present}`
  if (!kernelIsAtLeast(oldestKernel, present)) return { name, verdict: 'bad', found, consequence: `Linux ${oldestKernel} is the oldest that works (openat2)` }
  const without = sinceKernel.filter(([since]) => !kernelIsAtLeast(since, present)).map(([, text]) => text)
  return without.length === 0 ? { name, verdict: 'good', found } : { name, verdict: 'lacking', found, consequence: without.join('; ') }
}

function deviceCheck(probe: HostProbe): Check {
  const name = '/dev/fuse'
  if (probe.device === null) return { name, verdict: 'good', found: 'opens' }
  const { reason, remedy } = explainDevice(name, probe.device)
  return { name, verdict: 'bad', found: reason.replace(/^\S+ /, ''), consequence: `nothing can be mounted; ${remedy}` }
}

function protocolCheck(probe: HostProbe): Check {
  const name = 'FUSE protocol'
  if (probe.protocolMajor === 0) {
    if (probe.device !== null) return { name, verdict: 'lacking', found: 'unknown', consequence: 'it is asked through /dev/fuse, which does not open' }
    return { name, verdict: 'lacking', found: `unknown (trial mount: ${probe.privateMount ?? 'no answer'})`, consequence: 'the first mount shows whether it is new enough' }
  }
  const found = `${probe.protocolMajor}.${probe.protocolMinor}`
  if (probe.protocolMinor >= oldestProtocolMinor) return { name, verdict: 'good', found }
  return { name, verdict: 'bad', found, consequence: `7.${oldestProtocolMinor} is the oldest that is served; every Linux from ${oldestKernel} on speaks it` }
}

function rightsCheck(probe: HostProbe): Check {
  const name = 'privilege'
  if (probe.initialAdmin) return { name, verdict: 'good', found: 'CAP_SYS_ADMIN' }
  if (probe.admin) return { name, verdict: 'good', found: 'CAP_SYS_ADMIN in a user namespace' }
  const ways = [
    ...(helperWorks() ? ['through fusermount3, on directories you own'] : []),
    ...(probe.userNamespace === null ? ['inside `unshare -Urm`, seen there only'] : []),
  ]
  if (ways.length === 0) return { name, verdict: 'bad', found: 'none', consequence: 'you cannot mount: there is neither fusermount3 (as root: apt-get install fuse3) nor a user namespace for you' }
  return { name, verdict: 'lacking', found: 'none', consequence: `you mount ${ways.join(', or ')}` }
}

function passthroughCheck(probe: HostProbe): Check {
  const name = 'passthrough I/O'
  if (probe.passthrough === null) return { name, verdict: 'good', found: 'works' }
  const reasons: Readonly<Record<string, string>> = {
    EPERM: 'needs root outside of user namespaces (CAP_SYS_ADMIN)',
    EINVAL: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    ENOTTY: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    EOPNOTSUPP: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    untried: 'could not be tried',
  }
  const outcome = probe.initialAdmin ? probe.passthrough : 'EPERM'
  return { name, verdict: 'lacking', found: `no: ${reasons[outcome] ?? outcome}`, consequence: 'file data goes through the daemon and the page cache (--io=cached)' }
}

function userNamespaceCheck(probe: HostProbe): Check {
  const name = 'user namespaces'
  if (probe.userNamespace === null) return { name, verdict: 'good', found: 'allowed' }
  return { name, verdict: 'lacking', found: `not allowed (${probe.userNamespace})`, consequence: 'no mounts inside `unshare -Urm`, no rootless containers' }
}

function fusermountCheck(probe: HostProbe): Check {
  const name = 'fusermount3'
  const path = helperPath()
  const found = path === undefined ? 'not installed' : `${path}, ${isSetuidRoot(path) ? '' : 'not '}setuid root`
  if (helperWorks()) return { name, verdict: 'good', found }
  if (probe.admin) return { name, verdict: 'good', found: `${found}; not needed here` }
  return { name, verdict: 'lacking', found, consequence: `no mounts outside of user namespaces; as root: ${path === undefined ? 'apt-get install fuse3' : `chmod u+s ${shellWord(path)}`}` }
}

function helperPath(): string | undefined {
  return (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).map((dir) => join(dir, 'fusermount3')).find(isExecutable)
}

function helperWorks(): boolean {
  const path = helperPath()
  return path !== undefined && isSetuidRoot(path)
}

function isSetuidRoot(path: string): boolean {
  const stats = statSync(path)
  return stats.uid === 0 && (stats.mode & 0o4000) !== 0
}

function overlayCheck(): Check {
  const name = 'kernel overlayfs'
  const known = readFileSync('/proc/filesystems', 'utf8').split('\n').some((line) => line.endsWith('\toverlay'))
  return known ? { name, verdict: 'good', found: 'available; unionfs does not use it' } : { name, verdict: 'lacking', found: 'not loaded', consequence: 'comparisons with it are impossible; unionfs does not use it' }
}

function descriptorCheck(): Check {
  const name = 'open files'
  const [, soft = '0', hard = '0'] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  const found = `at most ${hard} (now ${soft})`
  if (hard === 'unlimited' || Number(hard) >= wantedDescriptors) return { name, verdict: 'good', found }
  return { name, verdict: 'lacking', found, consequence: 'descriptor caches are smaller, so more files are opened anew' }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
