// sizes - how much work each question does: full, quick (a look within three minutes) and tiny (does it run at all).

export type Scale = 'full' | 'quick' | 'tiny'

export interface Sizes {
  readonly walkFiles: number
  readonly walkDirs: number
  readonly smallFiles: number
  readonly smallDirs: number
  readonly smallBytes: number
  readonly listEntries: number
  readonly misses: number
  readonly depths: readonly number[]
  readonly depthFiles: number
  readonly depthDirs: number
  readonly depthMisses: number
  readonly mergedEntries: number
  readonly mergedDirs: number
  readonly fileMiB: number
  readonly smallBlockMiB: number
  readonly randomOps: number
  readonly transactions: number
  readonly copyUpMiB: number
  readonly idleMs: number
  readonly clientSteps: number
  readonly gitFiles: number
  readonly gitDirs: number
  readonly cFiles: number
  readonly npmPackages: number
  readonly npmFiles: number
  readonly modules: number
  readonly aptSet: 'large' | 'small'
  readonly mounts: number
  readonly lookups: number
}

const kFull: Sizes = {
  walkFiles: 100_000,
  walkDirs: 1000,
  smallFiles: 20_000,
  smallDirs: 400,
  smallBytes: 2048,
  listEntries: 50_000,
  misses: 20_000,
  depths: [1, 8, 32, 128, 500],
  depthFiles: 1000,
  depthDirs: 20,
  depthMisses: 1000,
  mergedEntries: 5000,
  mergedDirs: 5,
  fileMiB: 256,
  smallBlockMiB: 128,
  randomOps: 20_000,
  transactions: 1000,
  copyUpMiB: 1024,
  idleMs: 1000,
  clientSteps: 300,
  gitFiles: 20_000,
  gitDirs: 400,
  cFiles: 40,
  npmPackages: 100,
  npmFiles: 40,
  modules: 600,
  aptSet: 'large',
  mounts: 5,
  lookups: 1_000_000,
}

const kQuick: Sizes = {
  ...kFull,
  walkFiles: 10_000,
  walkDirs: 200,
  smallFiles: 2000,
  smallDirs: 40,
  listEntries: 10_000,
  misses: 4000,
  depths: [1, 8, 128],
  depthFiles: 300,
  depthDirs: 6,
  depthMisses: 300,
  mergedDirs: 2,
  fileMiB: 64,
  smallBlockMiB: 32,
  randomOps: 5000,
  transactions: 200,
  copyUpMiB: 128,
  idleMs: 300,
  clientSteps: 60,
  gitFiles: 1000,
  gitDirs: 20,
  cFiles: 4,
  npmPackages: 10,
  modules: 200,
  aptSet: 'small',
  mounts: 3,
  lookups: 30_000,
}

const kTiny: Sizes = {
  ...kQuick,
  walkFiles: 400,
  walkDirs: 20,
  smallFiles: 200,
  smallDirs: 10,
  listEntries: 300,
  misses: 200,
  depths: [1, 8, 128],
  depthFiles: 40,
  depthDirs: 2,
  depthMisses: 50,
  mergedEntries: 200,
  mergedDirs: 2,
  fileMiB: 2,
  smallBlockMiB: 1,
  randomOps: 200,
  transactions: 5,
  copyUpMiB: 16,
  idleMs: 30,
  clientSteps: 5,
  gitFiles: 100,
  gitDirs: 5,
  cFiles: 2,
  npmPackages: 3,
  npmFiles: 10,
  modules: 20,
  mounts: 1,
  lookups: 1000,
}

export const sizesOf: Readonly<Record<Scale, Sizes>> = { full: kFull, quick: kQuick, tiny: kTiny }
