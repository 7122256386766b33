/* Closed-loop keep-alive HTTP/1.1 load generator (single thread, epoll).
   usage: loadgen TARGET CONNS SECONDS MODE DBNAME
   TARGET  tcp:PORT (127.0.0.1) | tcp6:PORT (::1) | unix:PATH
   MODE    pick    GET /pick?dbname=X
           cycle   GET /pick?dbname=X then POST /report {report_info:{addr,status:idle},dbname}  (alternating)
           hold:K  each connection keeps K addresses out: pick until K are held, then report the oldest, pick, report...
           flat    as cycle, report body {"addr","status","dbname"} (no nesting)
   At the end every address that is still held is given back.
   prints one JSON line: rps, p50/p99/p999/max in us, errors, picks. Latency is per request.  */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <errno.h>
#include <time.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#define NB 400000
static unsigned hist[NB]; /* 1us buckets to 0.2s, then 1ms buckets */
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+t.tv_nsec*1e-9;}
#define MAXHOLD 64
typedef struct {int fd; char buf[65536]; int n; double t0; int state; char held[MAXHOLD][48]; int nh; int waiting_report;} C;
static const char*target;static char dbname[64];static int mode,holdk;
static int draining;
static int mk(void){int fd;
 if(!strncmp(target,"unix:",5)){struct sockaddr_un a={0};a.sun_family=AF_UNIX;strncpy(a.sun_path,target+5,sizeof a.sun_path-1);fd=socket(AF_UNIX,SOCK_STREAM,0);if(connect(fd,(void*)&a,sizeof a)){perror("connect");exit(2);}}
 else if(!strncmp(target,"tcp6:",5)){struct sockaddr_in6 a={0};a.sin6_family=AF_INET6;a.sin6_port=htons(atoi(target+5));inet_pton(AF_INET6,"::1",&a.sin6_addr);fd=socket(AF_INET6,SOCK_STREAM,0);if(connect(fd,(void*)&a,sizeof a)){perror("connect");exit(2);}}
 else{struct sockaddr_in a={0};a.sin_family=AF_INET;a.sin_port=htons(atoi(target+4));inet_pton(AF_INET,"127.0.0.1",&a.sin_addr);fd=socket(AF_INET,SOCK_STREAM,0);if(connect(fd,(void*)&a,sizeof a)){perror("connect");exit(2);}}
 int one=1;if(target[0]=='t')setsockopt(fd,IPPROTO_TCP,TCP_NODELAY,&one,sizeof one);
 fcntl(fd,F_SETFL,O_NONBLOCK);return fd;}
static char rq[512];static int rqn;
static void sendreq(C*c){
 char b[1024];int n;
 int rep = draining ? c->nh>=1 : mode==1 ? c->nh>=1 : mode==2 ? c->nh>=holdk : mode==3 ? c->nh>=1 : 0;
 if(!rep){c->waiting_report=0;n=rqn;memcpy(b,rq,n);}
 else{char body[300];int m;
  if(mode==3)m=snprintf(body,sizeof body,"{\"addr\":\"%s\",\"status\":\"idle\",\"dbname\":\"%s\"}",c->held[0],dbname);
  else m=snprintf(body,sizeof body,"{\"dbname\":\"%s\",\"report_info\":{\"addr\":\"%s\",\"status\":\"idle\"}}",dbname,c->held[0]);
  memmove(c->held[0],c->held[1],48*(MAXHOLD-1));c->nh--;c->waiting_report=1;
  n=snprintf(b,sizeof b,"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",m,body);}
 c->t0=now();c->n=0;
 if(write(c->fd,b,n)!=n){perror("write");exit(3);}
}
int main(int ac,char**av){
 target=av[1];int nc=atoi(av[2]);double dur=atof(av[3]);mode=!strcmp(av[4],"pick")?0:!strcmp(av[4],"cycle")?1:!strncmp(av[4],"hold",4)?2:3;
 if(mode==2)holdk=atoi(av[4]+5);
 strncpy(dbname,ac>5?av[5]:"default",60);
 rqn=snprintf(rq,sizeof rq,"GET /pick?dbname=%s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n",dbname);
 int ep=epoll_create1(0);C*cs=calloc(nc,sizeof(C));
 for(int i=0;i<nc;i++){cs[i].fd=mk();struct epoll_event e={.events=EPOLLIN,.data.ptr=&cs[i]};epoll_ctl(ep,EPOLL_CTL_ADD,cs[i].fd,&e);}
 double t0=now(),tend=t0+dur,tw=t0+ (dur>1?0.2:0);long total=0,err=0,picks=0,nulls=0;double maxl=0,ts=0;
 for(int i=0;i<nc;i++)sendreq(&cs[i]);
 struct epoll_event ev[256];
 int busy=nc;double el=0;
 for(;;){int k=epoll_wait(ep,ev,256,200);double t=now();if(t>tend&&!draining){draining=1;el=t-ts;}if(!busy||t>tend+5)break;
  for(int i=0;i<k;i++){C*c=ev[i].data.ptr;int r=read(c->fd,c->buf+c->n,sizeof c->buf-1-c->n);
   if(r<=0){if(r<0&&errno==EAGAIN)continue;err++;close(c->fd);c->fd=mk();struct epoll_event e={.events=EPOLLIN,.data.ptr=c};epoll_ctl(ep,EPOLL_CTL_ADD,c->fd,&e);sendreq(c);continue;}
   c->n+=r;c->buf[c->n]=0;char*h=strstr(c->buf,"\r\n\r\n");if(!h)continue;
   char*cl=strcasestr(c->buf,"\r\ncontent-length:");long need;
   if(cl&&cl<h)need=(h-c->buf)+4+atol(cl+17);else{ /* chunked */ if(!strstr(h,"\r\n0\r\n\r\n"))continue;need=c->n;}
   if(c->n<need)continue;
   t=now();double l=(t-c->t0)*1e6;
   if(strncmp(c->buf+9,"200",3))err++;
   if(t>=tw&&!draining){if(!ts)ts=t;total++;if(l>maxl)maxl=l;int bi=l<200000?(int)l:200000+(int)((l-200000)/1000);if(bi>=NB)bi=NB-1;hist[bi]++;if(!c->waiting_report)picks++;}
   if(mode&&!c->waiting_report){char*a=strstr(h,"\"addr\"");if(a){a+=6;while(*a==':'||*a==' ')a++;if(*a=='"'&&c->nh<MAXHOLD){char*z=strchr(a+1,'"');if(z&&z-a<48&&z-a>3){memcpy(c->held[c->nh],a+1,z-a-1);c->held[c->nh][z-a-1]=0;c->nh++;}else nulls++;}else nulls++;}else nulls++;}
   if(draining&&!c->nh){busy--;continue;}
  sendreq(c);}
 }
 long acc=0;double q[3]={.5,.99,.999},out[3]={0};int qi=0;
 for(int b=0;b<NB&&qi<3;b++){acc+=hist[b];while(qi<3&&acc>=q[qi]*total){out[qi++]=b<200000?b:200000+(b-200000)*1000.0;}}
 printf("{\"rps\":%.0f,\"p50\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"max\":%.0f,\"n\":%ld,\"picks\":%ld,\"err\":%ld,\"nulls\":%ld}\n",total/el,out[0],out[1],out[2],maxl,total,picks,err,nulls);
 return 0;}
