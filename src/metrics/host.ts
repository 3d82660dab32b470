// host - what this machine and given directories offer to a mount, and what follows from what is missing.
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { delimiter, join } from 'node:path'
import type { HostProbe, Outcome, PathProbe } from '../engine/contract.js'

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

export function checkHost(probe: HostProbe): Check[] {
  return [kernelCheck(), deviceCheck(probe), protocolCheck(probe), rightsCheck(probe), passthroughCheck(probe), userNamespaceCheck(probe), fusermountCheck(probe), overlayCheck(), descriptorCheck()]
}

export function checkPath(probe: PathProbe): Check[] {
  const rows: [name: string, outcome: Outcome | undefined, consequence: string, bad?: boolean][] = [
    ['writable', probe.writable, 'it can be a lower, not an upper'],
    ['user xattrs', probe.xattrUser, 'programs cannot store them in an upper here'],
    ['trusted xattrs', probe.xattrTrusted, 'opaque directories are marked in a form that kernel overlayfs reads only with userxattr'],
    ['POSIX ACLs', probe.acl, 'the mount shows and stores none from here'],
    ['symbolic links', probe.symlink, 'it cannot be an upper', true],
    ['hard links', probe.hardlink, 'it cannot be an upper', true],
    ['O_TMPFILE', probe.tmpfile, 'staged files get temporary names; unnamed files are emulated or refused'],
    ['whiteout devices (mknod 0:0)', probe.whiteoutDevice, 'removed files are marked in another form'],
    ['RENAME_WHITEOUT', probe.renameWhiteout, 'moving a file off a lower takes two steps instead of one'],
    ['RENAME_EXCHANGE', probe.renameExchange, 'directories cannot be replaced in one step'],
    ['reflinks', probe.reflink, 'copy-up copies the data instead of sharing it'],
    ['file handles', probe.fileHandles, 'hard links and inode numbers are recognised by number alone'],
    ['birth time', probe.birthTime, 'statx shows none'],
  ]
  return rows
    .filter(([name, outcome]) => outcome !== undefined || name === 'writable')
    .map(([name, outcome = null, consequence, bad]) => {
      if (outcome === null) return { name, verdict: 'good', found: 'yes' }
      return { name, verdict: bad === true ? 'bad' : 'lacking', found: `no (${outcome})`, consequence }
    })
}

function kernelCheck(): Check {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const found = `Linux ${release()}`
  if (major > 5 || (major === 5 && minor >= 11)) return { name: 'kernel', verdict: 'good', found }
  return { name: 'kernel', verdict: 'lacking', found, consequence: 'before 5.11 an ordinary user cannot set overlay markers; passthrough needs 6.9' }
}

function deviceCheck(probe: HostProbe): Check {
  if (probe.device === null) return { name: '/dev/fuse', verdict: 'good', found: 'opens' }
  const missing = !existsSync('/dev/fuse')
  return {
    name: '/dev/fuse',
    verdict: 'bad',
    found: missing ? 'missing' : `does not open (${probe.device})`,
    consequence: missing ? 'nothing can be mounted: modprobe fuse, or hand the device into the container' : 'nothing can be mounted without read and write permission on it',
  }
}

function protocolCheck(probe: HostProbe): Check {
  const name = 'FUSE protocol'
  if (probe.protocolMajor === 0) return { name, verdict: 'lacking', found: `unknown (trial mount: ${probe.privateMount ?? 'no answer'})`, consequence: 'a mount through fusermount3 may still work' }
  const found = `${probe.protocolMajor}.${probe.protocolMinor}`
  if (probe.protocolMinor >= oldestProtocolMinor) return { name, verdict: 'good', found }
  return { name, verdict: 'bad', found, consequence: `7.${oldestProtocolMinor} (Linux 5.2) is the oldest that is served` }
}

function rightsCheck(probe: HostProbe): Check {
  const name = 'privilege'
  if (probe.initialAdmin) return { name, verdict: 'good', found: 'CAP_SYS_ADMIN' }
  if (probe.admin) return { name, verdict: 'good', found: 'CAP_SYS_ADMIN in a user namespace' }
  return { name, verdict: 'lacking', found: 'none', consequence: 'mounts go through fusermount3, or inside `unshare -Urm`' }
}

function passthroughCheck(probe: HostProbe): Check {
  const name = 'passthrough I/O'
  if (probe.passthrough === null) return { name, verdict: 'good', found: 'works' }
  const reasons: Readonly<Record<string, string>> = {
    EPERM: 'needs CAP_SYS_ADMIN in the initial user namespace',
    EINVAL: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    ENOTTY: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    EOPNOTSUPP: 'the kernel does not offer it (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)',
    untried: 'could not be tried',
  }
  return { name, verdict: 'lacking', found: `no: ${reasons[probe.passthrough] ?? probe.passthrough}`, consequence: 'file data goes through the daemon and the page cache (--io=cached)' }
}

function userNamespaceCheck(probe: HostProbe): Check {
  const name = 'user namespaces'
  if (probe.userNamespace === null) return { name, verdict: 'good', found: 'allowed' }
  return { name, verdict: 'lacking', found: `not allowed (${probe.userNamespace})`, consequence: 'no mounts inside `unshare -Urm`, no rootless containers' }
}

function fusermountCheck(probe: HostProbe): Check {
  const name = 'fusermount3'
  const needless = probe.admin
  const path = (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).map((dir) => join(dir, 'fusermount3')).find(isExecutable)
  if (path === undefined) {
    return { name, verdict: needless ? 'good' : 'lacking', found: needless ? 'not installed, and not needed here' : 'not installed', ...(needless ? {} : { consequence: 'ordinary users cannot mount outside a user namespace: apt-get install fuse3' }) }
  }
  const stats = statSync(path)
  if (stats.uid === 0 && (stats.mode & 0o4000) !== 0) return { name, verdict: 'good', found: `${path}, setuid root` }
  return { name, verdict: needless ? 'good' : 'lacking', found: `${path}, not setuid root`, ...(needless ? {} : { consequence: 'ordinary users cannot mount through it' }) }
}

function overlayCheck(): Check {
  const name = 'kernel overlayfs'
  const known = readFileSync('/proc/filesystems', 'utf8').split('\n').some((line) => line.endsWith('\toverlay'))
  return known ? { name, verdict: 'good', found: 'available' } : { name, verdict: 'lacking', found: 'not loaded', consequence: 'only comparisons with it are impossible; unionfs does not use it' }
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
