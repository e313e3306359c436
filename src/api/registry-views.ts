/** What the engine answers about registries and what it is asked (Engine API 1.50). */
import { object, type Shape, text } from "./json-shape.ts";

/** The body of `POST /auth`, and what `X-Registry-Auth` holds. */
export interface AuthConfig {
  username?: string;
  password?: string;
  /** base64 of `user:password`, as it stands in old configuration files. */
  auth?: string;
  email?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

export const authConfigShape: Shape<AuthConfig> = object<AuthConfig>({
  username: text,
  password: text,
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});

export interface AuthView {
  Status: string;
  IdentityToken: string;
}

/** An OCI descriptor as the API writes it. */
export interface DescriptorView {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: PlatformView;
}

export interface PlatformView {
  architecture: string;
  os: string;
  variant?: string;
}

export interface DistributionInspect {
  Descriptor: DescriptorView;
  Platforms: PlatformView[] | null;
}

export interface SearchResultView {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}
