// SPDX-License-Identifier: GPL-2.0
#include <crypto/hash.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/key.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/module_signature.h>
#include <linux/slab.h>
#include <linux/verification.h>

#include "resources/memory.h"
#include "verify.h"

/* Bytes hashed at a time: with vector registers that is not preempted. */
#define HASH_PIECE (256u << 10)
/* Bytes of a signature at the most: the kernel decodes no more. */
#define MAX_SIGNATURE U16_MAX
#define MARKER_SIZE (sizeof(MODULE_SIG_STRING) - 1)
#define STATEMENT "llamux model sha256 "

static bool require_signature;
module_param(require_signature, bool, 0444);
MODULE_PARM_DESC(require_signature, "load no model without a valid signature (default 0)");

/**
 * struct signature - A signature.
 * @data: (@size,) PKCS#7 message in DER; NULL for none.
 * @size: Bytes.
 */
struct signature {
	const void *data;
	size_t size;
};

static int hash_with(struct crypto_shash *tfm, const u8 *data, size_t size, u8 *sha256,
		     const struct llama_yield *yield)
{
	SHASH_DESC_ON_STACK(desc, tfm);
	int err;

	desc->tfm = tfm;
	err = crypto_shash_init(desc);
	while (!err && size) {
		u32 n = min_t(size_t, size, HASH_PIECE);

		err = crypto_shash_update(desc, data, n);
		if (!err)
			err = llama_yield(yield);
		data += n;
		size -= n;
	}
	return err ?: crypto_shash_final(desc, sha256);
}

static int hash(const u8 *data, size_t size, u8 *sha256, const struct llama_yield *yield)
{
	struct crypto_shash *tfm = crypto_alloc_shash("sha256", 0, 0);
	int err;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	err = hash_with(tfm, data, size, sha256, yield);
	crypto_free_shash(tfm);
	return err;
}

/* Split an appended signature off; @id->size becomes that of the model. */
static int split(const u8 *data, struct llamux_identity *id, struct signature *sig,
		 struct llama_diag *diag)
{
	struct module_signature trailer;
	size_t left = id->size;
	u32 n;

	if (left < MARKER_SIZE || memcmp(data + left - MARKER_SIZE, MODULE_SIG_STRING, MARKER_SIZE))
		return 0;
	left -= MARKER_SIZE;
	if (left < sizeof(trailer))
		return llama_fail(diag, -EBADMSG, "has a signature that is cut short");
	left -= sizeof(trailer);
	memcpy(&trailer, data + left, sizeof(trailer));
	n = be32_to_cpu(trailer.sig_len);
	if (trailer.id_type != PKEY_ID_PKCS7 || trailer.algo || trailer.hash ||
	    trailer.signer_len || trailer.key_id_len || memchr_inv(trailer.__pad, 0, 3))
		return llama_fail(diag, -EBADMSG, "has a signature that is no PKCS#7 message");
	if (!n || n > MAX_SIGNATURE || n >= left)
		return llama_fail(diag, -EBADMSG, "has a signature of %u bytes in %zu", n, left);
	id->size = left - n;
	sig->data = data + id->size;
	sig->size = n;
	return 0;
}

static int read_regular(struct file *file, struct llamux_memory *m)
{
	loff_t size = i_size_read(file_inode(file)), pos = 0;
	ssize_t n;
	int err;

	if (!S_ISREG(file_inode(file)->i_mode) || size <= 0)
		return -EINVAL;
	if (size > MAX_SIGNATURE)
		return -EFBIG;
	err = llamux_memory_alloc(m, size);
	if (err)
		return err;
	n = kernel_read(file, m->data, size, &pos);
	if (n < 0)
		return n;
	return n == size ? 0 : -EIO;
}

/* Read the signature beside the file. The caller frees @m, on failure, too. */
static int read_detached(const char *path, struct llamux_memory *m)
{
	char *name = kasprintf(GFP_KERNEL, "%s.p7s", path);
	struct file *file;
	int err;

	if (!name)
		return -ENOMEM;
	/* Without O_NONBLOCK, opening a named pipe would wait for a writer. */
	file = filp_open(name, O_RDONLY | O_LARGEFILE | O_NONBLOCK, 0);
	kfree(name);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = read_regular(file, m);
	fput(file);
	return err;
}

#ifdef CONFIG_SYSTEM_DATA_VERIFICATION
/* Make a keyring with the module's own certificate, to which no other key can be added. */
static struct key *own_keyring(void)
{
	const key_perm_t perm = KEY_POS_SEARCH | KEY_POS_WRITE | KEY_USR_VIEW;
	struct key *ring = keyring_alloc(".llamux", GLOBAL_ROOT_UID, GLOBAL_ROOT_GID,
					 current_cred(), perm, KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	key_ref_t key;

	if (IS_ERR(ring))
		return ring;
	key = key_create_or_update(make_key_ref(ring, true), "asymmetric", NULL,
				   llamux_certificate, llamux_certificate_end - llamux_certificate,
				   KEY_POS_SEARCH | KEY_USR_VIEW, KEY_ALLOC_NOT_IN_QUOTA);
	if (IS_ERR(key)) {
		key_put(ring);
		return ERR_CAST(key);
	}
	key_ref_put(key);
	return ring;
}

/* A line with the hash is signed, because the kernel would hash a whole model without a pause. */
static int check_against(struct key *ring, const u8 *sha256, const struct signature *sig)
{
	char line[sizeof(STATEMENT) + 2 * SHA256_DIGEST_SIZE + 1];
	int n = scnprintf(line, sizeof(line), STATEMENT "%*phN\n", SHA256_DIGEST_SIZE, sha256);

	return verify_pkcs7_signature(line, n, sig->data, sig->size, ring,
				      VERIFYING_UNSPECIFIED_SIGNATURE, NULL, NULL);
}

static int check(const u8 *sha256, const struct signature *sig, struct llama_diag *diag)
{
	struct key *own;
	int err;

	if (llamux_certificate_end - llamux_certificate) {
		own = own_keyring();
		if (IS_ERR(own))
			return llama_fail(diag, PTR_ERR(own),
					  "cannot be checked: the module's own certificate cannot be used");
		err = check_against(own, sha256, sig);
		key_put(own);
	} else {
		err = check_against(VERIFY_USE_SECONDARY_KEYRING, sha256, sig);
		if (err == -ENOKEY)
			err = check_against(VERIFY_USE_PLATFORM_KEYRING, sha256, sig);
	}
	switch (err) {
	case 0:
		return 0;
	case -ENOKEY:
		return llama_fail(diag, err, "is signed by a key that is not trusted");
	case -EKEYREJECTED:
		return llama_fail(diag, err, "is not what was signed");
	case -EBADMSG:
		return llama_fail(diag, err, "has a malformed signature");
	case -ENOPKG:
		return llama_fail(diag, err, "is signed in a way that this kernel does not know");
	default:
		return llama_fail(diag, err, "has a signature that cannot be checked");
	}
}
#else
static int check(const u8 *sha256, const struct signature *sig, struct llama_diag *diag)
{
	return llama_fail(diag, -EOPNOTSUPP, "cannot be checked: this kernel verifies no signatures");
}
#endif

static int check_required(const char *path, struct llamux_identity *id, struct signature *sig,
			  struct llama_diag *diag)
{
	struct llamux_memory detached = { };
	int err = 0;

	if (!sig->data) {
		err = read_detached(path, &detached);
		if (err == -ENOENT)
			return llama_fail(diag, -ENODATA,
					  "has no signature, neither appended nor in a file .p7s");
		if (err)
			llama_fail(diag, err, "has a signature in a file .p7s that cannot be read");
		sig->data = detached.data;
		sig->size = detached.size;
	}
	if (!err)
		err = check(id->sha256, sig, diag);
	if (!err)
		id->signature = LLAMUX_SIGNED;
	llamux_memory_free(&detached);
	return err;
}

int llamux_verify(const char *path, const u8 *data, size_t size, struct llamux_identity *id,
		  const struct llama_yield *yield, struct llama_diag *diag)
{
	struct signature sig = { };
	int err;

	id->size = size;
	err = split(data, id, &sig, diag);
	if (err)
		return err;
	id->signature = sig.data ? LLAMUX_UNCHECKED : LLAMUX_UNSIGNED;
	err = hash(data, id->size, id->sha256, yield);
	if (err)
		return err == -EINTR ? err : llama_fail(diag, err, "cannot be hashed");
	return require_signature ? check_required(path, id, &sig, diag) : 0;
}

const char *llamux_verify_signature_name(enum llamux_signature signature)
{
	static const char *const names[] = {
		[LLAMUX_UNSIGNED] = "none",
		[LLAMUX_UNCHECKED] = "not-checked",
		[LLAMUX_SIGNED] = "valid",
	};

	return names[signature];
}
