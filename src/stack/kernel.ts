// kernel - which Linux this is. What can be tried is tried instead; this is for what cannot.
import { release } from 'node:os'

// openat2(2), which every look into a layer uses. Its FUSE protocol (7.31) is the oldest that is served.
export const oldestKernel = '5.6'

export function kernelIsAtLeast(wanted: string, present = release()): boolean {
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number)
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(present) ?? []
  return Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor)
}
