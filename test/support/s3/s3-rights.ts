/** The rights that the server needs in a bucket, in the notation of AWS. */
export const S3_RIGHTS = [
  's3:ListBucket',
  's3:GetObject',
  's3:PutObject',
  's3:DeleteObject',
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
  's3:ListBucketMultipartUploads',
] as const;
