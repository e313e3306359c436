/* Read by AddressSanitizer at its start: berth-kernel is started without an environment. Leaks cannot be looked for, since that
 * needs /proc, which a confined process does not have, and a process that ends with its one archive frees nothing. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0:abort_on_error=1";
}
