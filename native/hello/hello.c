/*
 * The program of the hello-world image: prints its greeting and ends. Without a C library, since it is the only file of
 * its image; with one it would be a hundred times as large.
 * Build: cc -static -nostdlib -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables
 */
static const char GREETING[] =
	"\n"
	"Ahoy! This container ran, so berth works on this machine.\n"
	"\n"
	"What happened between your command and these lines:\n"
	" 1. The client asked the berth daemon, over its Unix socket, to run \"hello-world\".\n"
	" 2. The daemon found that image inside its own executable: nothing was downloaded.\n"
	" 3. It put an empty writable layer on top of the image's layer and wrote a launch\n"
	"    plan: every mount, limit, capability and system call rule, in order.\n"
	" 4. A shim, one small process for this container alone, carried the plan out. It made\n"
	"    the cgroup and the namespaces, mounted the layers as the root directory, gave up\n"
	"    what a container must not have, and executed this program.\n"
	" 5. The shim passed this text to the daemon, which streamed it to your client.\n"
	"\n"
	"What to try next:\n"
	"  Bring an image in from a file:       berth load -i image.tar\n"
	"                                       berth import rootfs.tar debian:bookworm\n"
	"  Open a shell in it:                  berth run -it --network none debian:bookworm bash\n"
	"  See what ran:                        berth ps -a\n"
	"\n";

#if defined __x86_64__
#define SYS_WRITE 1
#define SYS_EXIT_GROUP 231

static long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}
#elif defined __aarch64__
#define SYS_WRITE 64
#define SYS_EXIT_GROUP 94

static long system_call(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#else
#error "no system calls for this machine"
#endif

#define EINTR 4

void _start(void) __attribute__((noreturn));

void _start(void)
{
	const char *at = GREETING;
	long left = sizeof GREETING - 1, written = 0;

	while (left > 0 && (written >= 0 || written == -EINTR)) {
		written = system_call(SYS_WRITE, 1, (long)at, left);
		if (written > 0) {
			at += written;
			left -= written;
		}
	}
	for (;;)
		system_call(SYS_EXIT_GROUP, left > 0, 0, 0);
}
