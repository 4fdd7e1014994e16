import { type CheckQuery, UNKNOWN_BUNDLE_TYPES } from '../../protocol/messages.ts';
import { type BundleType, type Platform, platformOf } from '../../protocol/platform.ts';
import type { ValidParameters } from '../http/register-route.ts';

/** The platform that a check asks about. An app that does not know its bundle type gets what an app without one gets. */
export function requestedPlatform(
  { target, arch }: Pick<ValidParameters<'check'>, 'target' | 'arch'>,
  { bundle_type }: CheckQuery,
): Platform {
  return platformOf({ target, arch, bundle_type: isKnown(bundle_type) ? bundle_type : undefined });
}

function isKnown(bundleType: CheckQuery['bundle_type']): bundleType is BundleType {
  return !UNKNOWN_BUNDLE_TYPES.some((unknown) => unknown === bundleType);
}
