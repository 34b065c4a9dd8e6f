/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MODELS_H
#define MODELS_H

#define DEFAULT_MODEL "tiny"	/* name of the model that the module was loaded with */

/* Unload every model but DEFAULT_MODEL, and make that one the default. */
void models_restore(void);

#endif
