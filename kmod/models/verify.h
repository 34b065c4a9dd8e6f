/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Identity and signature of a model file
 *
 * A machine can be told to load no model without a valid signature, and every model's SHA-256 is
 * shown. A signature is a detached PKCS#7 message, as signed kernel modules have. It is appended
 * to the file with a trailer behind it, or lies in a file beside it. It signs a line of text
 * with the model's SHA-256.
 */
#ifndef LLAMUX_VERIFY_H
#define LLAMUX_VERIFY_H

#include <crypto/sha2.h>

#include "llama_core.h"

/**
 * enum llamux_signature - State of a model's signature.
 * @LLAMUX_UNSIGNED:  No signature is appended; a file beside it was not looked for.
 * @LLAMUX_UNCHECKED: A signature is appended, but not required.
 * @LLAMUX_SIGNED:    A signature was required, and is valid.
 */
enum llamux_signature {
	LLAMUX_UNSIGNED,
	LLAMUX_UNCHECKED,
	LLAMUX_SIGNED,
};

/**
 * struct llamux_identity - Identity of a model file.
 * @size:      Bytes of the model, without an appended signature.
 * @sha256:    SHA-256 of these bytes.
 * @signature: State of the signature.
 */
struct llamux_identity {
	size_t size;
	u8 sha256[SHA256_DIGEST_SIZE];
	enum llamux_signature signature;
};

/**
 * llamux_verify() - Identify a file in memory, and check its signature if one is required.
 * @path:  Path of the file; a detached signature is in @path.p7s.
 * @data:  (@size,) bytes that will be used.
 * @size:  Bytes of the file, with an appended signature.
 * @id:    Filled.
 * @yield: Called between pieces of the hash.
 * @diag:  Names the reason of a failure.
 *
 * Context: Process context. Sleeps.
 * Return: 0, or the reason why the file must not be used: -EBADMSG (malformed signature) or the
 * hook's value. If a signature is required, also -ENODATA (no signature), -ENOKEY (untrusted key),
 * -EKEYREJECTED (signature of other bytes), -ENOPKG (unknown algorithm), -EOPNOTSUPP (kernel
 * without signatures), or an error of reading it.
 */
int llamux_verify(const char *path, const u8 *data, size_t size, struct llamux_identity *id,
		  const struct llama_yield *yield, struct llama_diag *diag);

/** llamux_verify_signature_name() - Return: "none", "not-checked" or "valid", as in stats. */
const char *llamux_verify_signature_name(enum llamux_signature signature);

/* Certificate (DER) that the module was built with; empty if there is none. */
extern const u8 llamux_certificate[], llamux_certificate_end[];

#endif
