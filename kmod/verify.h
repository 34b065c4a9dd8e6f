/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What a model file is, and who vouches for it
 *
 * A signature is what signed kernel modules have: a detached PKCS#7 message,
 * appended to the file with a trailer behind it, or in a file beside it. It
 * signs a line of text that has the model's SHA-256.
 */
#ifndef LLAMUX_VERIFY_H
#define LLAMUX_VERIFY_H

#include <crypto/sha2.h>

#include "llama_core.h"

/**
 * enum llamux_signature - What is known of a model's signature.
 * @LLAMUX_UNSIGNED:  None is appended; whether one lies beside the file nobody asked.
 * @LLAMUX_UNCHECKED: One is appended, and not required.
 * @LLAMUX_SIGNED:    It was required, and is right.
 */
enum llamux_signature {
	LLAMUX_UNSIGNED,
	LLAMUX_UNCHECKED,
	LLAMUX_SIGNED,
};

/**
 * struct llamux_identity - Which file a model is.
 * @size:      Bytes of the model, without an appended signature.
 * @sha256:    Of these bytes.
 * @signature: Who vouches for them.
 */
struct llamux_identity {
	size_t size;
	u8 sha256[SHA256_DIGEST_SIZE];
	enum llamux_signature signature;
};

/**
 * llamux_verify() - Identify a file in memory; check its signature where one is required.
 * @path:  Where it was read from; a detached signature is in @path.p7s.
 * @data:  (@size,) The very bytes that will be used.
 * @size:  Bytes of the file, an appended signature included.
 * @id:    Filled.
 * @yield: Called between pieces of the hash.
 * @diag:  Names what is wrong where this fails.
 *
 * Context: Process; sleeps.
 * Return: 0, or why the file must not be used: -EBADMSG (signature malformed) or -EINTR; where
 * one is required also -ENODATA (none), -ENOKEY (by a key that is not trusted), -EKEYREJECTED
 * (of other bytes), -ENOPKG (by an unknown algorithm), -EOPNOTSUPP (no such kernel), or what
 * reading it failed with.
 */
int llamux_verify(const char *path, const u8 *data, size_t size, struct llamux_identity *id,
		  const struct llama_yield *yield, struct llama_diag *diag);

/** llamux_signature_name() - As stats has it: "none", "not-checked" or "valid". */
const char *llamux_signature_name(enum llamux_signature signature);

/* DER of the certificate that the module was built with; empty where there is none. */
extern const u8 llamux_certificate[], llamux_certificate_end[];

#endif
