// container - turns a merged tree into something programs can live in: kernel file systems, name resolution and a
// working apt, all taken from this machine when the scenario runs; and runs scripts inside it.
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheDirectory } from './debian.js'
import { hasProgram, run } from './run.js'
import { repoPath } from './subject.js'

const kScriptTimeoutMs = 900_000
/** Where each request is a JavaScript callback, an installation takes its time. */
const kSlowScriptTimeoutMs = 5_400_000
const kDeviceNodes = [
  ['null', 3],
  ['zero', 5],
  ['full', 7],
  ['random', 8],
  ['urandom', 9],
] as const
const kAptFiles = ['etc/apt/sources.list', 'etc/apt/auth.conf']
const kAptDirectories = ['sources.list.d', 'auth.conf.d', 'preferences.d', 'trusted.gpg.d', 'keyrings'].map((name) => `etc/apt/${name}`)
const kPassedOn = /^(https?_proxy|no_proxy|ftp_proxy|SSL_CERT_FILE|SSL_CERT_DIR|CURL_CA_BUNDLE)$/i

export class Container {
  private readonly root_: string
  private readonly logFile_: string
  private readonly timeoutMs_: number
  private readonly mounts_: string[] = []

  /** `rootOnly`: what other users make there does not belong to them. */
  constructor(
    root: string,
    logFile: string,
    private readonly rootOnly: boolean,
    slow: boolean,
  ) {
    this.timeoutMs_ = slow ? kSlowScriptTimeoutMs : kScriptTimeoutMs
    this.root_ = root
    this.logFile_ = logFile
  }

  /** Mounts /proc, /sys, /dev and /dev/shm. The caller's mount namespace must be a private one. */
  enter(): void {
    this.mount('proc', 'proc', 'proc', [])
    this.mount('sysfs', 'sysfs', 'sys', ['-o', 'ro'])
    this.mount('tmpfs', 'tmpfs', 'dev', ['-o', 'mode=0755,size=1m'])
    const dev = join(this.root_, 'dev')
    for (const [name, minor] of kDeviceNodes) run('mknod', ['-m', '0666', join(dev, name), 'c', '1', String(minor)])
    run('mknod', ['-m', '0666', join(dev, 'tty'), 'c', '5', '0'])
    for (const name of ['pts', 'shm']) mkdirSync(join(dev, name))
    this.mount('devpts', 'devpts', 'dev/pts', ['-o', 'newinstance,ptmxmode=0666,mode=0620'])
    this.mount('tmpfs', 'tmpfs', 'dev/shm', ['-o', 'mode=1777,size=512m'])
    run('sh', ['-euc', 'cd "$1"; ln -s pts/ptmx ptmx; ln -s /proc/self/fd fd', 'sh', dev])
  }

  leave(): void {
    for (let path = this.mounts_.pop(); path !== undefined; path = this.mounts_.pop()) run('umount', [path])
  }

  /** Runs one of the scripts in scripts/scenario/inside with the merged tree as its root; returns what it prints. */
  script(name: string, ...args: string[]): string {
    const text = readFileSync(repoPath('scripts', 'scenario', 'inside', name), 'utf8')
    return run('chroot', [this.root_, '/usr/bin/env', '-i', ...environment(), '/bin/sh', '-euc', text, name, ...args], {
      timeoutMs: this.timeoutMs_,
      logFile: this.logFile_,
    })
  }

  /** The same inside a bubblewrap container: own PID, IPC and UTS namespaces, its own /dev and /proc. */
  scriptInBubblewrap(name: string, ...args: string[]): string {
    const text = readFileSync(repoPath('scripts', 'scenario', 'inside', name), 'utf8')
    const binds = ['--bind', this.root_, '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/run']
    const isolation = ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--die-with-parent', '--clearenv']
    const env = environment().flatMap((pair) => {
      const split = pair.indexOf('=')
      return ['--setenv', pair.slice(0, split), pair.slice(split + 1)]
    })
    return run('bwrap', [...binds, ...isolation, ...env, '/bin/sh', '-euc', text, name, ...args], {
      timeoutMs: this.timeoutMs_,
      logFile: this.logFile_,
    })
  }

  /** Gives the tree this machine's way to its package mirror. Nothing of it leaves the scratch directory. */
  configureApt(): void {
    for (const file of ['etc/resolv.conf', 'etc/hosts', ...kAptFiles]) this.copyFromHost(file)
    rmSync(join(this.root_, 'etc/apt/sources.list'), { force: true })
    this.copyFromHost('etc/apt/sources.list')
    for (const directory of kAptDirectories) {
      if (!existsSync(`/${directory}`)) continue
      const names = readdirSync(`/${directory}`).filter((name) => /\.(list|sources|conf|gpg|asc|pref)$|^[\w-]+$/.test(name))
      for (const name of names) this.copyFromHost(`${directory}/${name}`)
    }
    for (const keyring of signingKeyrings()) this.copyFromHost(keyring)
    this.copyFromHost('etc/ssl/certs/ca-certificates.crt')
    writeFileSync(join(this.root_, 'etc/apt/apt.conf.d/99scenario'), `${hostAcquireSettings()}\nAcquire::Languages "none";\n${this.rootOnly ? 'APT::Sandbox::User "root";\n' : ''}`)
    // Services must not start when their packages are installed: there is no init here.
    writeFileSync(join(this.root_, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  }

  /** Brings package files and indexes of an earlier run into the tree, so that a rerun downloads little. */
  loadPackageCache(): void {
    this.copyTree(join(cacheDirectory, 'archives'), join(this.root_, 'var/cache/apt/archives'))
    this.copyTree(join(cacheDirectory, 'lists'), join(this.root_, 'var/lib/apt/lists'))
  }

  savePackageCache(): void {
    this.copyTree(join(this.root_, 'var/cache/apt/archives'), join(cacheDirectory, 'archives'))
    this.copyTree(join(this.root_, 'var/lib/apt/lists'), join(cacheDirectory, 'lists'))
  }

  private copyTree(from: string, to: string): void {
    if (!existsSync(from)) return
    mkdirSync(to, { recursive: true })
    const script = 'cd "$1"; find . -maxdepth 1 -type f ! -name lock -exec cp -u --preserve=timestamps -t "$2" {} +'
    run('sh', ['-euc', script, 'sh', from, to])
  }

  private copyFromHost(path: string): void {
    if (!existsSync(`/${path}`)) return
    mkdirSync(dirname(join(this.root_, path)), { recursive: true })
    copyFileSync(`/${path}`, join(this.root_, path))
  }

  private mount(type: string, source: string, path: string, options: readonly string[]): void {
    const target = join(this.root_, path)
    run('mount', ['-t', type, ...options, source, target])
    this.mounts_.push(target)
  }
}

function environment(): string[] {
  const passedOn = Object.entries(process.env).filter(([name]) => kPassedOn.test(name))
  return [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/root',
    'LC_ALL=C.UTF-8',
    'DEBIAN_FRONTEND=noninteractive',
    ...passedOn.map(([name, value]) => `${name}=${value ?? ''}`),
  ]
}

/** Keyrings that this machine's sources name in Signed-By. */
function signingKeyrings(): string[] {
  const directory = '/etc/apt/sources.list.d'
  const files = existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : []
  const texts = files.filter((file) => /\.(list|sources)$/.test(file)).map((file) => readFileSync(file, 'utf8'))
  const found = texts.join('\n').matchAll(/signed-by[:=]\s*(\/[\w./-]+)/gi)
  return [...found].map((match) => (match[1] ?? '').slice(1))
}

/** How this machine's apt reaches its mirror: proxies, certificates, date checks. Hooks and paths stay behind. */
function hostAcquireSettings(): string {
  if (!hasProgram('apt-config')) return ''
  const lines = run('apt-config', ['dump']).split('\n')
  return lines.filter((line) => /^Acquire::(http|https|ftp|Check-|Retries|AllowInsecure)/i.test(line)).join('\n')
}
